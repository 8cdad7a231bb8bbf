//! Completion for fish.

use flom_settings::Kind;

use super::program::{Offer, Program, Shown};

/// The file for `program`.
pub(crate) fn completion(program: &Program) -> String {
    let (name, options) = (program.name, program.options());
    let lines: String = options.iter().map(|option| line(name, option)).collect();
    let command = match program.runs_command {
        true => format!("complete -c {name} -x -a '({})'\n", subcommand(&options)),
        false => format!("complete -c {name} -f\n"),
    };
    format!("# Completion of {name} for fish.\n\n{command}{lines}")
}

/// Completes the command as if it stood alone, behind the options that take a value.
fn subcommand(options: &[Shown]) -> String {
    let with_value = options
        .iter()
        .filter(|option| option.kind.placeholder().is_some());
    let names: Vec<_> = with_value.flat_map(Shown::names).collect();
    format!("__fish_complete_subcommand {}", names.join(" "))
}

fn line(program: &str, option: &Shown) -> String {
    let shorts = option.shorts.iter().map(|short| format!(" -s '{short}'"));
    let longs = option.longs.iter().map(|long| format!(" -l {long}"));
    let names: String = shorts.chain(longs).collect();
    let value = match (option.kind, option.offer()) {
        (Kind::Flag, _) => String::new(),
        (_, Offer::Nothing) => " -x".to_string(),
        (_, Offer::Words(words)) => format!(" -x -a '{}'", words.join(" ")),
        (_, Offer::Files) => " -r -F".to_string(),
        (_, Offer::Directories) => " -x -a '(__fish_complete_directories)'".to_string(),
        (_, Offer::Hosts) => " -x -a '(__fish_print_hostnames)'".to_string(),
        (_, Offer::Interfaces) => " -x -a '(__fish_print_interfaces)'".to_string(),
    };
    let text = option.brief.replace('\\', "\\\\").replace('\'', "\\'");
    format!("complete -c {program}{names}{value} -d '{text}'\n")
}
