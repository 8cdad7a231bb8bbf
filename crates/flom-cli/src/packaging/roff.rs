//! Text for manual pages.

use std::fmt::Write;

/// `text` as it is to be read, on lines of its own or inside of one.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for (at, character) in text.char_indices() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            '.' | '\'' if at == 0 => write!(escaped, "\\&{character}").expect("a string grows"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// `text` as it is typed.
pub(crate) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// `text` standing for something else.
pub(crate) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

/// Something with its explanation. `term` is roff already, `text` is not.
pub(crate) fn entry(term: &str, text: &str) -> String {
    format!(".TP\n{term}\n{}\n", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_roff_is_read_as_it_is_written() {
        assert_eq!(
            escape(r"a\sb --long ~/x ^ 1.5"),
            r"a\esb \-\-long \(ti/x \(ha 1.5"
        );
        assert_eq!(escape(".x .y"), r"\&.x .y");
        assert_eq!(escape("'x' 'y'"), r"\&'x' 'y'");
    }
}
