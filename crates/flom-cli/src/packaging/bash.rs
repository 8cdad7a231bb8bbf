//! Completion for bash. It needs nothing but bash; with bash-completion at hand, the command behind
//! flom's options is completed as if it stood alone.

use super::program::{Offer, Program, Shown};

/// Offers what can stand behind the options: a command with arguments of its own.
const COMMAND: &str = r#"
# Word number $1 is the command.
_@PROGRAM@_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (($1 == COMP_CWORD)); then
        _@PROGRAM@_offer -c
    else
        _@PROGRAM@_offer -f
    fi
}
"#;

const NO_COMMAND: &str = r#"
# A daemon runs no command.
_@PROGRAM@_command() {
    COMPREPLY=()
}
"#;

/// The file for `program`.
pub(crate) fn completion(program: &Program) -> String {
    let options = program.options();
    let with_value = options
        .iter()
        .filter(|option| option.kind.placeholder().is_some());
    let with_value: Vec<_> = with_value.cloned().collect();
    let command = if program.runs_command {
        COMMAND
    } else {
        NO_COMMAND
    };
    let template = include_str!("completion.bash");
    let (head, body) = template
        .split_once("\n\n")
        .expect("a comment, then functions");
    format!("{head}\n{command}\n{body}")
        .replace("@WITH_VALUE@", &names(&with_value).join(" | "))
        .replace("@VALUES@", &values(&with_value))
        .replace("@ALL@", &names(&options).join(" "))
        .replace("@PROGRAM@", program.name)
}

fn names(options: &[Shown]) -> Vec<String> {
    options.iter().flat_map(Shown::names).collect()
}

/// What to offer behind each option, a line each.
fn values(options: &[Shown]) -> String {
    let line = |option: &Shown| {
        let offer = match option.offer() {
            Offer::Nothing => return None,
            Offer::Words(words) => format!("-W '{}'", words.join(" ")),
            Offer::Files => "-f".to_string(),
            Offer::Directories => "-d".to_string(),
            Offer::Hosts => "-A hostname".to_string(),
            Offer::Interfaces => "-W \"$(ls /sys/class/net 2>/dev/null)\"".to_string(),
        };
        let names = option.names().join(" | ");
        Some(format!("    {names}) _@PROGRAM@_offer {offer} ;;"))
    };
    options
        .iter()
        .filter_map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
