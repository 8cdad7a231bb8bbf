//! The terminal: taken, painted, and given back as it was, whatever happens.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::low_level::pipe;

use super::keys::{self, Key};

/// Another screen than that of the shell, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What ends a program, but for those that nobody can catch.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The size of a terminal that does not say it.
const ROWS: usize = 24;
const COLUMNS: usize = 80;

/// The terminal, ours until it is dropped.
#[derive(Debug)]
pub(crate) struct Terminal {
    before: Termios,
    painted: String,
}

impl Terminal {
    /// Takes it: keys come at once and are not shown.
    pub(crate) fn take() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Flush, &raw)?;
        let terminal = Self {
            before: before.clone(),
            painted: String::new(),
        };
        // A panic ends the program where it is, without giving anything back.
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back(&before);
            report(info);
        }));
        write(ENTER)?;
        Ok(terminal)
    }

    /// Rows and columns.
    pub(crate) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.map(|size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        size.filter(|(rows, columns)| *rows > 0 && *columns > 0)
            .unwrap_or((ROWS, COLUMNS))
    }

    /// Paints these lines, if they are not there already. The last one stands out.
    pub(crate) fn paint(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = "\x1b[H".to_owned();
        for (number, line) in lines.iter().enumerate() {
            let is_last = number + 1 == lines.len();
            let line = match is_last {
                true => format!("\x1b[7m{line}\x1b[m\x1b[K"),
                false => format!("{line}\x1b[K\r\n"),
            };
            text.write_str(&line).expect("a string takes it");
        }
        if text != self.painted {
            write(&text)?;
            self.painted = text;
        }
        Ok(())
    }

    /// The keys that were pressed; if the terminal has gone, that is the end.
    pub(crate) fn keys(&mut self) -> io::Result<Vec<Key>> {
        let mut bytes = [0; 256];
        if !has_bytes()? {
            return Ok(Vec::new());
        }
        match io::stdin().read(&mut bytes) {
            Ok(0) => Ok(vec![Key::Quit]),
            Ok(count) => Ok(keys::read(&bytes[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back(&self.before);
        // What a panic would have to give back is given back.
        drop(panic::take_hook());
    }
}

/// What cannot be given back is lost: nobody is there who has it.
fn give_back(before: &Termios) {
    let _ = write(LEAVE);
    let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Whether there is a key to be read.
fn has_bytes() -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut watched, Some(&now)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Signals, as bytes that can be waited for.
#[derive(Debug)]
pub(crate) struct Signals {
    /// One for each signal of [`ENDING`].
    ending: Vec<UnixStream>,
    /// Any of them, or that the size has changed.
    any: UnixStream,
}

impl Signals {
    pub(crate) fn watch() -> io::Result<Self> {
        let (any, theirs) = UnixStream::pair()?;
        any.set_nonblocking(true)?;
        let mut ending = Vec::new();
        for signal in ENDING {
            let (ours, own) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            pipe::register(signal, own)?;
            ending.push(ours);
        }
        for signal in ENDING.into_iter().chain([SIGWINCH, SIGCONT]) {
            pipe::register(signal, theirs.try_clone()?)?;
        }
        Ok(Self { ending, any })
    }

    /// The signal that ends the program, if one has come.
    pub(crate) fn taken(&self) -> Option<u8> {
        let mut bytes = [0; 64];
        let _ = (&self.any).read(&mut bytes); // they have woken us, which is all they are for
        let came = self.ending.iter().position(|mut stream| {
            let mut byte = [0];
            stream.read(&mut byte).is_ok_and(|count| count > 0)
        });
        came.and_then(|index| u8::try_from(ENDING[index]).ok())
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }
}
