//! What fits into a line of a terminal.

use unicode_width::UnicodeWidthChar;

/// As much of `line` as is not wider than `columns`, with an ellipsis if something is missing. What
/// a terminal would not take as a character is replaced.
pub(crate) fn cut(line: &str, columns: usize) -> String {
    let tame = |character: char| match character.width() {
        Some(width) if !is_turning(character) => (character, width),
        _ => ('?', 1),
    };
    let whole: usize = line.chars().map(|character| tame(character).1).sum();
    let room = if whole <= columns {
        columns
    } else {
        columns.saturating_sub(1)
    };
    let (mut shown, mut used) = (String::new(), 0);
    for (character, width) in line.chars().map(tame) {
        if used + width > room {
            break;
        }
        shown.push(character);
        used += width;
    }
    if whole > columns && columns > 0 {
        shown.push('…');
    }
    shown
}

/// Whether it changes the direction of what follows.
fn is_turning(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn no_line_is_wider_than_the_screen_whatever_the_letters() {
        for text in [
            "x".repeat(200),
            "漢字".repeat(50),
            "e\u{301}".repeat(90),
            "a\x1b[2J\u{202e}\u{7}b".repeat(30),
        ] {
            for columns in [0, 1, 2, 7, 79, 80] {
                let line = cut(&text, columns);
                assert!(line.width() <= columns, "{columns}: {line}");
                assert!(
                    !line.chars().any(|c| c.is_control() || is_turning(c)),
                    "{line}"
                );
            }
            assert!(cut(&text, 80).ends_with('…'));
        }
        assert_eq!(cut("as it is", 8), "as it is");
        assert_eq!(cut("漢字漢", 5), "漢字…");
    }
}
