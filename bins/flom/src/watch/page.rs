//! What fits on the screen of what the daemon keeps.

use crate::width::cut;

use super::keys::Move;

/// Of a row of holders or waiters, so many are shown, and the last.
const SHOWN: usize = 8;

/// A row that is longer than this is cut.
const AT_MOST: usize = SHOWN + 4;

/// The text, and the part of it that is shown.
#[derive(Debug, Default)]
pub(crate) struct Page {
    lines: Vec<String>,
    /// That there is nothing new, and why.
    trouble: Option<String>,
    top: usize,
}

/// What the lookout has seen last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) text: String,
    /// Why there is nothing newer.
    pub(crate) trouble: Option<String>,
}

impl Page {
    /// Shows this from now on.
    pub(crate) fn show(&mut self, seen: Seen) {
        self.lines = summary(&seen.text);
        self.trouble = seen.trouble;
    }

    /// Moves through what does not fit on `rows`.
    pub(crate) fn turn(&mut self, by: Move, rows: usize) {
        let screen = rows.saturating_sub(1).max(1);
        let screen = isize::try_from(screen).unwrap_or(isize::MAX);
        self.top = match by {
            Move::Lines(lines) => self.top.saturating_add_signed(lines),
            Move::Screens(screens) => self.top.saturating_add_signed(screens * screen),
            Move::Top => 0,
            Move::Bottom => self.lines.len(),
        };
    }

    /// So many lines, none wider than `columns`; the last one says where one is.
    pub(crate) fn frame(&mut self, rows: usize, columns: usize) -> Vec<String> {
        let screen = rows.saturating_sub(1);
        self.top = self.top.min(self.lines.len().saturating_sub(screen));
        let end = self.lines.len().min(self.top + screen);
        let shown = self.lines[self.top..end].iter();
        let mut frame: Vec<_> = shown.map(|line| cut(line, columns)).collect();
        frame.resize(screen, String::new());
        frame.push(cut(&self.foot(end), columns));
        frame
    }

    fn foot(&self, end: usize) -> String {
        let all = self.lines.len();
        let place = match end - self.top < all {
            true => format!("lines {} to {end} of {all}, ", self.top + 1),
            false => String::new(),
        };
        match &self.trouble {
            Some(trouble) => format!("{place}q quits; not as it is now: {trouble}"),
            None if place.is_empty() => "q quits".to_owned(),
            None => format!("{place}space and b turn pages, q quits"),
        }
    }
}

/// The lines of a status, without the middle of long rows.
fn summary(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let rows = lines.chunk_by(|a, b| is_of_row(a) && word(a) == word(b));
    rows.flat_map(|row| match row.len() > AT_MOST && is_of_row(row[0]) {
        false => row.iter().map(|line| (*line).to_owned()).collect(),
        true => {
            let left = row.len() - SHOWN - 1;
            let more = format!("  ...       and {left} more");
            let shown = row[..SHOWN].iter().map(|line| (*line).to_owned());
            let last = row[row.len() - 1].to_owned();
            shown.chain([more, last]).collect::<Vec<_>>()
        }
    })
    .collect()
}

/// Whether a line is about one of many.
fn is_of_row(line: &str) -> bool {
    line.starts_with("  ")
}

/// What a line is about: `holds`, `waits`, `parked`.
fn word(line: &str) -> Option<&str> {
    line.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        let mut page = Page::default();
        let text = text.to_owned();
        page.show(Seen {
            text,
            trouble: None,
        });
        page
    }

    #[test]
    fn of_a_long_queue_the_first_and_the_last_are_shown() {
        let waiters: String = (1..=1000).map(|n| format!("  waits {n}  EX\n")).collect();
        let mut page = page(&format!("head\n\ndb  simple\n  holds EX\n{waiters}\nend\n"));
        let frame = page.frame(24, 80);
        assert_eq!(frame.len(), 24);
        let shown = frame.iter().filter(|line| line.contains("waits"));
        let shown: Vec<_> = shown.map(String::as_str).collect();
        assert_eq!(shown.len(), SHOWN + 1);
        assert_eq!(
            (shown[0], shown[SHOWN]),
            ("  waits 1  EX", "  waits 1000  EX")
        );
        assert!(
            frame.contains(&"  ...       and 991 more".to_owned()),
            "{frame:?}"
        );
        assert!(frame.contains(&"end".to_owned()), "{frame:?}");
    }

    #[test]
    fn a_short_queue_is_shown_as_it_is() {
        let text: String = (0..AT_MOST).map(|n| format!("  waits {n}\n")).collect();
        assert_eq!(summary(&text).len(), AT_MOST);
    }

    #[test]
    fn one_moves_through_what_does_not_fit_and_not_beyond() {
        let text: String = (1..=50).map(|n| format!("{n}\n")).collect();
        let mut page = page(&text);
        let mut first = |by: Option<Move>| {
            by.into_iter().for_each(|by| page.turn(by, 11));
            let frame = page.frame(11, 80);
            (frame[0].clone(), frame[10].clone())
        };
        let foot = |first: u8, last: u8| {
            format!("lines {first} to {last} of 50, space and b turn pages, q quits")
        };
        assert_eq!(first(None), ("1".to_owned(), foot(1, 10)));
        assert_eq!(
            first(Some(Move::Screens(1))),
            ("11".to_owned(), foot(11, 20))
        );
        assert_eq!(
            first(Some(Move::Lines(-1))),
            ("10".to_owned(), foot(10, 19))
        );
        assert_eq!(first(Some(Move::Bottom)), ("41".to_owned(), foot(41, 50)));
        assert_eq!(first(Some(Move::Lines(1))).0, "41");
        assert_eq!(first(Some(Move::Screens(-9))).0, "1");
        assert_eq!(first(Some(Move::Top)).0, "1");
    }

    #[test]
    fn a_screen_of_no_size_shows_nothing() {
        assert_eq!(page("a\n").frame(0, 0), [""]);
        assert_eq!(page("a\nb\n").frame(1, 7), ["lines …"]);
    }
}
