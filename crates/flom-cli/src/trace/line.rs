//! A line of the trace (`spec/tracing.md` §2).

use std::fmt::{self, Display};

use flom_types::target;
use jiff::Zoned;
use log::Record;

/// Bytes of the longest line, its end not included: what is longer is cut.
const LINE_BYTES: usize = 1999;

thread_local! {
    /// Its address tells threads apart.
    static MARK: u8 = const { 0 };
}

/// The line for `record`, written now by this thread of this process.
pub(super) fn line(record: &Record) -> Vec<u8> {
    let head = Head {
        now: Zoned::now(),
        pid: std::process::id(),
        thread: thread(),
    };
    match record.target() {
        // These lines are known by the names of their functions.
        target::DEBUG_FEATURES => head.line(record.args()),
        target => head.line(format_args!("{}: {}", Name(target), record.args())),
    }
}

/// Who writes a line, and when.
struct Head {
    now: Zoned,
    pid: u32,
    thread: usize,
}

impl Head {
    /// One whole line, to be written in one piece so that lines of several processes do not mix.
    fn line(&self, text: impl Display) -> Vec<u8> {
        let time = self.now.strftime("%Y-%m-%d %H:%M:%S.%6f");
        let (pid, thread) = (self.pid, self.thread);
        let line = format!("{time} [{pid}/{thread:#x}] {text}");
        // What others have said must not make lines of its own.
        let mut line = line.replace(char::is_control, " ");
        line.truncate(line.floor_char_boundary(LINE_BYTES));
        line.push('\n');
        line.into_bytes()
    }
}

/// A target as the name of a function: `flom::resource::simple` is `flom_resource_simple`.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.split("::").enumerate() {
            let joint = if place == 0 { "" } else { "_" };
            write!(f, "{joint}{word}")?;
        }
        Ok(())
    }
}

fn thread() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

#[cfg(test)]
mod tests {
    use std::thread::spawn;

    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn head() -> Head {
        let time = date(2015, 11, 28).at(21, 34, 15, 655_916_999);
        Head {
            now: time.to_zoned(TimeZone::UTC).unwrap(),
            pid: 1040,
            thread: 0x0113_3000,
        }
    }

    fn text_of(target: &str) -> String {
        let mut builder = Record::builder();
        let record = builder.target(target);
        let line = line(&record.args(format_args!("text")).build());
        let line = String::from_utf8(line).unwrap();
        line.split_once("] ").unwrap().1.to_string()
    }

    #[test]
    fn a_line_has_the_head_that_users_know() {
        assert_eq!(
            String::from_utf8(head().line("flom_debug_features: text")).unwrap(),
            "2015-11-28 21:34:15.655916 [1040/0x1133000] flom_debug_features: text\n"
        );
    }

    #[test]
    fn a_line_names_its_module_like_a_function() {
        assert_eq!(text_of(target::WIRE), "flom_wire: text\n");
        assert_eq!(text_of(target::SIMPLE), "flom_resource_simple: text\n");
    }

    #[test]
    fn a_line_of_the_debug_features_names_its_function_itself() {
        assert_eq!(text_of(target::DEBUG_FEATURES), "text\n");
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters_and_keeps_its_end() {
        for text in ["é".repeat(3000), format!("x{}", "é".repeat(3000))] {
            let line = String::from_utf8(head().line(text)).unwrap();
            assert!((LINE_BYTES..=LINE_BYTES + 1).contains(&line.len()));
            assert!(line.ends_with("é\n"));
        }
    }

    #[test]
    fn foreign_words_make_no_lines_of_their_own() {
        let line = String::from_utf8(head().line("a\nb\x1bc\u{85}d")).unwrap();
        assert!(line.ends_with("] a b c d\n"), "{line}");
    }

    #[test]
    fn a_thread_has_its_own_number_and_keeps_it() {
        let here = thread();
        assert_eq!(thread(), here);
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = spawn(move || {
            sender.send(thread()).unwrap();
            // Still alive while the two are compared: memory of a thread that ended is used again.
            std::thread::park();
        });
        assert_ne!(receiver.recv().unwrap(), here);
        other.thread().unpark();
        other.join().unwrap();
    }
}
