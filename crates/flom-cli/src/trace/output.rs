//! Where lines of the trace go. Until that is known they are kept.

use std::io::{self, Write};
use std::path::Path;

use super::file::{OpenError, TraceFile};

/// Where lines of the trace go.
#[derive(Debug)]
pub(crate) struct Output {
    place: Place,
    /// Lines that are kept; `None` once they are written.
    kept: Option<Vec<Vec<u8>>>,
}

#[derive(Debug)]
enum Place {
    Stderr,
    File(TraceFile),
    Nowhere,
}

/// Where the trace goes if no file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// To whoever has started the program, and still reads what it says.
    Stderr,
    /// Nobody does.
    Nowhere,
}

impl Output {
    /// Lines are kept; without another word they go to stderr.
    pub(super) fn new() -> Self {
        Self {
            place: Place::Stderr,
            kept: Some(Vec::new()),
        }
    }

    /// Whether lines appear on stderr, at once.
    pub(super) fn is_stderr(&self) -> bool {
        self.kept.is_none() && matches!(self.place, Place::Stderr)
    }

    /// Whether no line is ever seen.
    pub(super) fn is_nowhere(&self) -> bool {
        matches!(self.place, Place::Nowhere)
    }

    /// Writes a line, or keeps it. One that cannot be written is lost: a trace must not change what
    /// is traced.
    pub(super) fn add(&mut self, line: Vec<u8>) {
        match (&mut self.kept, &self.place) {
            (Some(lines), _) => lines.push(line),
            (None, Place::Stderr) => drop(io::stderr().write(&line)),
            (None, Place::File(file)) => file.add(&line),
            (None, Place::Nowhere) => {}
        }
    }

    /// Opens `path`, if there is one. Lines that are kept stay so.
    pub(super) fn open(
        &mut self,
        path: Option<&Path>,
        otherwise: Otherwise,
    ) -> Result<(), OpenError> {
        self.place = match (path, otherwise) {
            (Some(path), _) => Place::File(TraceFile::open(path)?),
            (None, Otherwise::Stderr) => Place::Stderr,
            (None, Otherwise::Nowhere) => Place::Nowhere,
        };
        Ok(())
    }

    /// Writes the lines that are kept, and keeps no more; before that a file loses what it holds,
    /// if it is to be `emptied`. Does nothing a second time.
    pub(super) fn settle(&mut self, emptied: bool) {
        let Some(lines) = self.kept.take() else {
            return;
        };
        if let (true, Place::File(file)) = (emptied, &self.place) {
            file.empty();
        }
        for line in lines {
            self.add(line);
        }
    }

    /// Opens the file of the same name again, if there is a file.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        match &mut self.place {
            Place::File(file) => file.reopen(),
            Place::Stderr | Place::Nowhere => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A directory of its own, gone at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("flom-trace-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn opened(path: &Path) -> Output {
        let mut output = Output::new();
        output.open(Some(path), Otherwise::Nowhere).unwrap();
        output
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_are_kept_until_it_is_known_where_they_go() {
        let directory = Directory::new("kept");
        let path = directory.file("trace");
        let mut output = Output::new();
        output.add(b"1\n".to_vec());
        output.open(Some(&path), Otherwise::Stderr).unwrap();
        output.add(b"2\n".to_vec());
        assert_eq!(text(&path), "");
        output.settle(false);
        output.add(b"3\n".to_vec());
        assert_eq!(text(&path), "1\n2\n3\n");
    }

    #[test]
    fn what_a_file_holds_stays_unless_it_is_emptied_once() {
        let directory = Directory::new("emptied");
        let path = directory.file("trace");
        for (emptied, expected) in [(false, "old\nnew\n"), (true, "new\n")] {
            fs::write(&path, "old\n").unwrap();
            let mut output = opened(&path);
            output.add(b"new\n".to_vec());
            assert_eq!(text(&path), "old\n");
            output.settle(emptied);
            output.settle(true);
            assert_eq!(text(&path), expected);
        }
    }

    #[test]
    fn two_outputs_on_one_file_add_to_each_other() {
        let directory = Directory::new("two");
        let path = directory.file("trace");
        let (mut first, mut second) = (opened(&path), opened(&path));
        first.settle(true);
        first.add(b"1\n".to_vec());
        second.settle(false);
        second.add(b"2\n".to_vec());
        first.add(b"3\n".to_vec());
        assert_eq!(text(&path), "1\n2\n3\n");
    }

    #[test]
    fn a_file_that_has_been_moved_away_gets_no_more_lines_once_reopened() {
        let directory = Directory::new("moved");
        let (path, moved) = (directory.file("trace"), directory.file("trace.1"));
        let mut output = opened(&path);
        output.settle(false);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        output.reopen().unwrap();
        output.add(b"1\n".to_vec());
        fs::rename(&path, &moved).unwrap();
        output.add(b"2\n".to_vec());
        output.reopen().unwrap();
        output.add(b"3\n".to_vec());
        assert_eq!((text(&moved), text(&path)), ("1\n2\n".into(), "3\n".into()));
    }

    #[test]
    fn a_new_file_has_the_permissions_of_the_one_it_replaces() {
        let directory = Directory::new("mode");
        let path = directory.file("trace");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let mut output = opened(&path);
        fs::remove_file(&path).unwrap();
        output.reopen().unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_reopened_leaves_everything_as_it_was() {
        let directory = Directory::new("lost");
        let path = directory.file("trace");
        let mut output = opened(&path);
        output.settle(false);
        let moved = directory.file("moved");
        fs::rename(&path, &moved).unwrap();
        fs::create_dir(&path).unwrap();
        let error = output.reopen().unwrap_err();
        assert_eq!(error.path, path);
        output.add(b"1\n".to_vec());
        assert_eq!(text(&moved), "1\n");
    }

    #[test]
    fn where_no_file_is_named_lines_go_to_stderr_or_nowhere() {
        let mut output = Output::new();
        assert!(!output.is_stderr() && !output.is_nowhere());
        output.settle(false);
        assert!(output.is_stderr());
        output.open(None, Otherwise::Nowhere).unwrap();
        assert!(output.is_nowhere() && !output.is_stderr());
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let mut output = Output::new();
        let error = output
            .open(Some(Path::new("/no/such/file")), Otherwise::Stderr)
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot open trace file '/no/such/file'");
        output.settle(false);
        assert!(output.is_stderr());
    }
}
