//! The grammar of configuration files, that of GLib key files (`spec/configuration.md` §2):
//! groups, entries, comments, escapes. What they mean is up to others.

use crate::text::shown_bytes;

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// `[name]`.
    Group(&'a [u8]),
    /// `key=value`, without the blanks around key and value.
    Entry { key: &'a [u8], value: &'a [u8] },
}

/// Why a line belongs to no configuration file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// Some editors put one in front of everything.
    #[error("the file begins with a byte order mark: save it as UTF-8 without one")]
    ByteOrderMark,
    /// Text files have none.
    #[error("the line has a NUL byte")]
    Nul,
    /// An entry in front of all groups.
    #[error("'{key}' stands before the first [Group]")]
    NoGroup {
        /// Its key.
        key: String,
    },
    /// `[` without `]`, or something behind it, or nothing between.
    #[error("expected a group such as [Resource] alone on its line, found '{line}'")]
    Group {
        /// The line, cut if it is long.
        line: String,
    },
    /// Nothing in front of `=`.
    #[error("expected a key before '=', found '{line}'")]
    NoKey {
        /// The line, cut if it is long.
        line: String,
    },
    /// Something else.
    #[error("expected [Group], Key=Value or # comment, found '{line}'")]
    Unknown {
        /// The line, cut if it is long.
        line: String,
    },
}

/// A value with an escape that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownEscape;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Characters of a line that a message shows.
const SHOWN_CHARACTERS: usize = 60;

/// The lines of `text` that say something, or nothing that can be understood, by their numbers
/// from 1.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Result<Item<'_>, SyntaxError>)> {
    let mut in_group = false;
    let lines = text.split(|byte| *byte == b'\n').zip(1..);
    lines.filter_map(move |(line, number)| {
        let mut item = item(line, number == 1).transpose()?;
        match item {
            Ok(Item::Group(_)) => in_group = true,
            Ok(Item::Entry { key, .. }) if !in_group => {
                let key = shown_bytes(key);
                item = Err(SyntaxError::NoGroup { key });
            }
            _ => {}
        }
        Some((number, item))
    })
}

fn item(line: &[u8], first: bool) -> Result<Option<Item<'_>>, SyntaxError> {
    if first && line.starts_with(BYTE_ORDER_MARK) {
        return Err(SyntaxError::ByteOrderMark);
    }
    if line.contains(&0) {
        return Err(SyntaxError::Nul);
    }
    let line = trim(line);
    match line.first() {
        None | Some(b'#') => Ok(None),
        Some(b'[') => group(line).map(Item::Group).map(Some),
        Some(_) => entry(line).map(Some),
    }
}

fn group(line: &[u8]) -> Result<&[u8], SyntaxError> {
    let name = line.strip_prefix(b"[").and_then(|l| l.strip_suffix(b"]"));
    let name = name.filter(|name| !name.is_empty() && !name.iter().any(|b| b"[]".contains(b)));
    name.ok_or_else(|| SyntaxError::Group { line: cut(line) })
}

fn entry(line: &[u8]) -> Result<Item<'_>, SyntaxError> {
    let equals = line.iter().position(|byte| *byte == b'=');
    let equals = equals.ok_or_else(|| SyntaxError::Unknown { line: cut(line) })?;
    let (key, value) = (trim(&line[..equals]), trim(&line[equals + 1..]));
    match key.is_empty() {
        true => Err(SyntaxError::NoKey { line: cut(line) }),
        false => Ok(Item::Entry { key, value }),
    }
}

/// `value` with its escapes resolved: `\s`, `\n`, `\t`, `\r`, `\\`.
pub(crate) fn text(value: &str) -> Result<String, UnknownEscape> {
    Ok(unescape(value, None)?.concat())
}

/// The items of `value`, one before each `;`, with their escapes resolved; here `\;` is one too.
pub(crate) fn list(value: &str) -> Result<Vec<String>, UnknownEscape> {
    let mut items = unescape(value, Some(';'))?;
    // The last one ends with `;`, or with the line.
    if items.last().is_some_and(String::is_empty) {
        items.pop();
    }
    Ok(items)
}

fn unescape(value: &str, separator: Option<char>) -> Result<Vec<String>, UnknownEscape> {
    let (mut items, mut item) = (Vec::new(), String::new());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if Some(character) == separator {
            items.push(std::mem::take(&mut item));
        } else if character == '\\' {
            item.push(match characters.next() {
                Some('s') => ' ',
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('\\') => '\\',
                Some(other) if Some(other) == separator => other,
                _ => return Err(UnknownEscape),
            });
        } else {
            item.push(character);
        }
    }
    items.push(item);
    Ok(items)
}

fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c);
    let start = bytes.iter().position(|byte| !blank(byte));
    let end = bytes.iter().rposition(|byte| !blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => &bytes[start..=end],
        _ => &[],
    }
}

/// A line for a message.
fn cut(line: &[u8]) -> String {
    let text = shown_bytes(line);
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line as a short text: `3[Resource]`, `4Name=foo`, `5! problem`.
    fn read(text: &str) -> Vec<String> {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        lines(text.as_bytes())
            .map(|(number, item)| match item {
                Ok(Item::Group(name)) => format!("{number}[{}]", show(name)),
                Ok(Item::Entry { key, value }) => format!("{number}{}={}", show(key), show(value)),
                Err(error) => format!("{number}! {error}"),
            })
            .collect()
    }

    #[test]
    fn groups_and_entries_are_found_among_comments_and_blank_lines() {
        let text = "# first\n\n[Resource]\n \t\n  # indented\nName=foo\n[Daemon]\nLifespan = 5";
        assert_eq!(
            read(text),
            ["3[Resource]", "6Name=foo", "7[Daemon]", "8Lifespan=5"]
        );
    }

    #[test]
    fn blanks_around_key_and_value_and_carriage_returns_do_not_count() {
        let text = "[G]\r\n \tA \t= \t1 2 \t\r\nB=\r\nC==x=\r\n";
        assert_eq!(read(text), ["1[G]", "2A=1 2", "3B=", "4C==x="]);
    }

    #[test]
    fn what_looks_like_a_comment_in_a_value_is_the_value() {
        assert_eq!(
            read("[G]\nA=1 # one\nB=\"x\"\n;C=1"),
            ["1[G]", "2A=1 # one", "3B=\"x\"", "4;C=1"]
        );
    }

    #[test]
    fn blanks_inside_the_brackets_belong_to_the_name() {
        assert_eq!(read("  [ Resource ]  "), ["1[ Resource ]"]);
    }

    #[test]
    fn what_is_no_line_of_such_a_file_is_said() {
        let table = [
            (
                "\u{feff}[G]",
                "1! the file begins with a byte order mark: save it as UTF-8 without one",
            ),
            ("[G]\nA=\0", "2! the line has a NUL byte"),
            ("Name=foo", "1! 'Name' stands before the first [Group]"),
            (
                "[G",
                "1! expected a group such as [Resource] alone on its line, found '[G'",
            ),
            (
                "[]",
                "1! expected a group such as [Resource] alone on its line, found '[]'",
            ),
            (
                "[G] # g",
                "1! expected a group such as [Resource] alone on its line, found '[G] # g'",
            ),
            (
                "[[G]]",
                "1! expected a group such as [Resource] alone on its line, found '[[G]]'",
            ),
            ("[G]\n = 5", "2! expected a key before '=', found '= 5'"),
            (
                "[G]\nName",
                "2! expected [Group], Key=Value or # comment, found 'Name'",
            ),
        ];
        for (text, problem) in table {
            assert_eq!(read(text).last().map(String::as_str), Some(problem));
        }
    }

    #[test]
    fn one_wrong_line_does_not_hide_the_next() {
        let problems = read("A=1\nx\n[G]\ny\nB=2");
        let numbers: Vec<_> = problems.iter().map(|line| &line[..2]).collect();
        assert_eq!(numbers, ["1!", "2!", "3[", "4!", "5B"]);
    }

    #[test]
    fn a_message_shows_the_start_of_a_long_line_on_one_line() {
        let [message] = &read(&"é\u{7}".repeat(100))[..] else {
            panic!("one line");
        };
        assert!(message.len() < 150, "{message}");
        assert!(message.ends_with("...'") && !message.contains('\u{7}'));
    }

    #[test]
    fn escapes_are_resolved_and_unknown_ones_refused() {
        assert_eq!(text(r"\sa\sb\n\t\r\\s"), Ok(" a b\n\t\r\\s".to_string()));
        for value in [r"\x", r"a\", r"\;", r"\S"] {
            assert_eq!(text(value), Err(UnknownEscape), "{value}");
        }
    }

    #[test]
    fn a_list_has_an_item_before_each_semicolon() {
        let table = [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a;b", vec!["a", "b"]),
            ("a;b;", vec!["a", "b"]),
            ("a; b", vec!["a", " b"]),
            ("a;;b", vec!["a", "", "b"]),
            (r"a\;b;c\s", vec!["a;b", "c "]),
        ];
        for (value, items) in table {
            assert_eq!(list(value).unwrap(), items, "{value}");
        }
        assert_eq!(list(r"a;\x"), Err(UnknownEscape));
    }
}
