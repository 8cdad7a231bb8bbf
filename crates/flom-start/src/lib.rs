//! How the programs start: as the runtime of Rust has it, but for what takes time.
//!
//! ```text
//!   C library ─► main ─┬─► descriptors 0, 1 and 2 ─► SIGPIPE ─► the program's function ─► flush, exit
//!                      └─ not: /proc/self/maps, a second stack, handlers for SIGSEGV and SIGBUS
//! ```
//!
//! What is left out tells of an overflow of the stack in nicer words, and is a tenth of a millisecond
//! of each start, where `flom -- true` has one. An overflow still ends the program, by SIGSEGV.
//!
//! Only with the GNU C library: others do not tell the arguments to whoever is not `main`, and there
//! the runtime of Rust starts the programs as it does elsewhere.
//!
//! This is the one crate with `unsafe`: here are the few things that the system offers and that
//! neither the standard library nor a crate which is used anyway makes safe.

#![expect(unsafe_code, reason = "this crate is there so that no other needs it")]
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::panic;
use std::process::{self, Command, ExitCode};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIG_IGN, SIGPIPE};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What a panic ends with that is not an abort, as the runtime of Rust has it.
const PANICKED: i32 = 101;

/// Whether SIGPIPE was ignored when the program started. Every Rust program ignores it itself.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Makes a function, `fn() -> ExitCode`, what the program does.
///
/// The file needs `#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]`.
#[macro_export]
macro_rules! main {
    ($program:path) => {
        // The name is what the C library calls, and nothing else of the program can have it: the
        // linker would refuse it.
        #[cfg(all(target_os = "linux", target_env = "gnu", not(test)))]
        #[unsafe(no_mangle)]
        extern "C" fn main() -> ::std::ffi::c_int {
            $crate::start($program)
        }

        #[cfg(not(all(target_os = "linux", target_env = "gnu", not(test))))]
        fn main() -> ::std::process::ExitCode {
            $program()
        }
    };
}

/// Does what the runtime of Rust does before and after `main`; for [`main!`] alone.
#[doc(hidden)]
pub fn start(program: fn() -> ExitCode) -> ! {
    open_standard_streams();
    ignore_pipe();
    let status = panic::catch_unwind(program).map_or(PANICKED, number);
    process::exit(status) // flushes stdout
}

/// Opens `/dev/null` in place of those of stdin, stdout and stderr that are closed. Otherwise the
/// next socket or file would get their number, and messages would go there.
fn open_standard_streams() {
    for descriptor in 0..=2 {
        // SAFETY: only asks, whatever the number.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } != -1 {
            continue;
        }
        // The lowest free number is this one: those below are open by now.
        // SAFETY: the text ends with a zero byte and is there for ever.
        if unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } == -1 {
            process::abort(); // there are no safe streams, so there is none to tell it on
        }
    }
}

/// Has writing to what nobody reads fail with an error, instead of ending the program.
fn ignore_pipe() {
    // SAFETY: nothing runs when the signal comes, and there is no other thread yet.
    let before = unsafe { libc::signal(SIGPIPE, SIG_IGN) };
    PIPE_WAS_IGNORED.store(before == SIG_IGN, Ordering::Relaxed);
}

/// The standard library lets nobody see it, but compare it.
fn number(status: ExitCode) -> i32 {
    (0..=u8::MAX)
        .find(|number| ExitCode::from(*number) == status)
        .map_or(PANICKED, i32::from)
}

/// Whether this process ignores signal `number` at the moment. No signal of a number that there is
/// not is ignored.
pub fn is_ignored(number: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing changes; what is asked for goes where there is room for it.
    let answer = unsafe { libc::sigaction(number, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: written, as the call has not failed.
    answer == 0 && unsafe { action.assume_init() }.sa_sigaction == SIG_IGN
}

/// Does something while the signals `numbers` wait until it is done: to this thread, or to a process
/// that has no other.
///
/// # Errors
///
/// Those of `act`, and that the system does not let signals wait.
pub fn held_back<T>(
    numbers: impl IntoIterator<Item = i32>,
    act: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let held: SigSet = numbers
        .into_iter()
        .filter_map(|number| Signal::try_from(number).ok())
        .collect();
    let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let done = act();
    before.thread_set_mask()?;
    done
}

/// Has `command` start with SIGPIPE ignored, if this program did. The standard library would put it
/// back to the default.
///
/// Where the program does not start by [`main!`], this is not known, and nothing is done.
pub fn hand_down_pipe(command: &mut Command) {
    if !PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: `signal` is one of the functions that may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::signal(SIGPIPE, SIG_IGN);
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_keeps_its_number() {
        for status in 0..=u8::MAX {
            assert_eq!(number(ExitCode::from(status)), i32::from(status));
        }
    }

    #[test]
    fn a_signal_is_ignored_or_not_and_one_that_there_is_not_is_not() {
        // Every Rust program ignores SIGPIPE.
        assert!(is_ignored(SIGPIPE));
        for number in [libc::SIGSEGV, libc::SIGVTALRM, 0, -1, 32, 65, 1000] {
            assert!(!is_ignored(number), "{number}");
        }
    }
}
