//! Completion for zsh.

use flom_settings::Kind;

use super::program::{Offer, Program, Shown};

/// The file for `program`.
pub(crate) fn completion(program: &Program) -> String {
    let options = program.options();
    let specs: String = options
        .iter()
        .flat_map(specs)
        .map(|spec| format!("  {spec} \\\n"))
        .collect();
    let rest = match program.runs_command {
        true => "  '(-):command: _command_names -e' \\\n  '*::argument: _normal'\n",
        false => "  '(-)*: :'\n",
    };
    format!(
        "#compdef {name}\n# Completion of {name} for zsh.\n\n_arguments -s -S \\\n{specs}{rest}",
        name = program.name
    )
}

/// A word for `_arguments` for each name of an option.
fn specs(option: &Shown) -> Vec<String> {
    let names = option.names();
    let others = match option.kind {
        Kind::List(_) => "*".to_string(),
        _ if names.len() > 1 => format!("({})", names.join(" ")),
        _ => String::new(),
    };
    let spec = |name: &String| {
        let equals = if name.starts_with("--") { "=" } else { "" };
        let text = escape(option.brief);
        match option.kind.placeholder() {
            None => format!("'{others}{name}[{text}]'"),
            Some(value) => {
                let (value, action) = (escape(value), action(option));
                format!("'{others}{name}{equals}[{text}]:{value}:{action}'")
            }
        }
    };
    names.iter().map(spec).collect()
}

fn action(option: &Shown) -> String {
    match option.offer() {
        Offer::Nothing => " ".to_string(),
        Offer::Words(words) => {
            let words: Vec<_> = words.into_iter().map(escape).collect();
            format!("({})", words.join(" "))
        }
        Offer::Files => "_files".to_string(),
        Offer::Directories => "_files -/".to_string(),
        Offer::Hosts => "_hosts".to_string(),
        Offer::Interfaces => "_net_interfaces".to_string(),
    }
}

/// `text` inside of a word in single quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\'' => escaped.push_str("'\\''"),
            '[' | ']' | ':' | '\\' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}
