//! The signals that people and programs send to flom, as events.

use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::net::UnixStream as PipeEnd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flom_start::held_back;
use mio::net::UnixStream;
use signal_hook::consts::{
    FORBIDDEN, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGPROF, SIGQUIT,
    SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::flag;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;
use signal_hook::low_level::emulate_default_handler;

/// What is passed on to the command: all that would end this process and the lock with it while the
/// command goes on, but for faults and what nobody can catch.
const FORWARDED: [i32; 12] = [
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM,
    SIGPROF, SIGIO,
];

/// What a terminal sends to the whole group.
const OF_TERMINAL: [i32; 3] = [SIGHUP, SIGINT, SIGQUIT];

/// `si_code` of a signal that the kernel sent of its own, such as for a terminal or a timer.
const SI_KERNEL: i32 = 0x80;

/// A signal that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    pub(crate) number: i32,
    /// Whether it came from the terminal, which sends it to the whole group.
    pub(crate) from_terminal: bool,
}

/// Catches the signals that would end this process, but for those that were ignored when it
/// started: they stay ignored, here and in the command.
///
/// They are caught, never ignored: what a program has caught is back at the default in what it
/// executes, so the command starts as if flom had not been there.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Never dropped: the process is about to end, and taking back each handler, which copies all
    /// that is known of signals each time, would cost a tenth of what `flom -- true` does.
    delivery: ManuallyDrop<SignalDelivery<UnixStream, WithRawSiginfo>>,
    /// While set, signals do what they do to a program that does not catch them. There from when it
    /// is first wanted: mostly it never is.
    defaults: Option<Arc<AtomicBool>>,
    inherited: Ignored,
}

impl Signals {
    pub(crate) fn catch() -> io::Result<Self> {
        let inherited = Ignored::among(FORWARDED.into_iter().chain([SIGCHLD]));
        // While the library has not written down which handlers there are, a signal would do nothing
        // at all.
        let delivery = held_back(caught(inherited), || {
            let (read, write) = PipeEnd::pair()?;
            write.set_nonblocking(true)?;
            read.set_nonblocking(true)?;
            let read = UnixStream::from_std(read);
            SignalDelivery::with_pipe(read, write, WithRawSiginfo, caught(inherited))
        })?;
        Ok(Self {
            delivery: ManuallyDrop::new(delivery),
            defaults: None,
            inherited,
        })
    }

    /// What becomes readable when a signal comes.
    pub(crate) fn source(&mut self) -> &mut impl mio::event::Source {
        self.delivery.get_read_mut()
    }

    /// From now on also tells when a child stops, and when this process goes on.
    pub(crate) fn watch_job(&self) -> io::Result<()> {
        let handle = self.delivery.handle();
        [SIGCHLD, SIGCONT]
            .into_iter()
            .try_for_each(|number| handle.add_signal(number))
    }

    /// What has come since the last look.
    pub(crate) fn arrivals(&mut self) -> Vec<Arrival> {
        self.delivery
            .pending()
            .map(|info| Arrival {
                number: info.si_signo,
                from_terminal: info.si_code == SI_KERNEL && OF_TERMINAL.contains(&info.si_signo),
            })
            .collect()
    }

    /// From now on `numbers` do nothing to this process; the numbers of those that cannot be kept
    /// from it are returned. The ones that are forwarded are the caller's to drop.
    ///
    /// To be called before the command is started.
    pub(crate) fn ignore(&self, numbers: &[i32]) -> io::Result<Vec<i32>> {
        // Where SIGCHLD is ignored, nobody gets to know how a child ended.
        let orphaned = self.inherited.contains(SIGCHLD).then_some(SIGCHLD);
        let (mut never, nowhere) = (Vec::new(), Arc::new(AtomicBool::new(false)));
        for number in numbers.iter().copied().chain(orphaned) {
            let kept_anyway = FORWARDED.contains(&number)
                || number == SIGPIPE // ignored by every Rust program, and reset for the command
                || (number != SIGCHLD && flom_start::is_ignored(number));
            if FORBIDDEN.contains(&number) {
                never.push(number);
            } else if !kept_anyway {
                flag::register(number, Arc::clone(&nowhere))?;
            }
        }
        Ok(never)
    }

    /// While something is waited for that has an end of its own: signals do what they do to a
    /// program that does not catch them.
    pub(crate) fn let_through(&mut self, through: bool) -> io::Result<()> {
        let defaults = match &mut self.defaults {
            None if !through => return Ok(()),
            Some(defaults) => defaults,
            none => none.insert(conditional_defaults(self.inherited)?),
        };
        defaults.store(through, Ordering::SeqCst);
        Ok(())
    }
}

/// The signals that are caught.
fn caught(inherited: Ignored) -> impl Iterator<Item = i32> {
    FORWARDED
        .into_iter()
        .filter(move |number| !inherited.contains(*number))
}

/// What lets signals do what they do to a program that does not catch them, while it is set.
fn conditional_defaults(inherited: Ignored) -> io::Result<Arc<AtomicBool>> {
    let defaults = Arc::new(AtomicBool::new(false));
    for number in caught(inherited) {
        flag::register_conditional_default(number, Arc::clone(&defaults))?;
    }
    Ok(defaults)
}

/// Ends this process as signal `number` ends one that does not catch it.
///
/// Returns only if that is no signal that ends a process.
pub fn die_of(number: i32) {
    // Nothing else can be done about a signal that does not come.
    let _ = emulate_default_handler(number);
}

/// Which of the signals that are caught, and of SIGCHLD, were ignored when this process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Ignored {
    /// Bit N-1 stands for signal N.
    bits: u64,
}

impl Ignored {
    /// Those of `numbers`, each of 1 to 64. To be called before any is caught.
    fn among(numbers: impl Iterator<Item = i32>) -> Self {
        let ignored = numbers.filter(|number| flom_start::is_ignored(*number));
        Self {
            bits: ignored.fold(0, |bits, number| bits | 1 << (number - 1)),
        }
    }

    fn contains(self, number: i32) -> bool {
        (1..=64).contains(&number) && self.bits >> (number - 1) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_to_be_ignored_if_it_is_and_somebody_has_asked() {
        // Every Rust program ignores SIGPIPE.
        let ignored = Ignored::among([SIGPIPE, SIGCHLD].into_iter());
        assert!(ignored.contains(SIGPIPE) && !ignored.contains(SIGCHLD));
        assert!(!ignored.contains(0) && !ignored.contains(65));
        assert!(!Ignored::among([SIGCHLD].into_iter()).contains(SIGPIPE));
    }

    #[test]
    fn a_fault_cannot_be_ignored_and_says_so() {
        let signals = Signals::catch().unwrap();
        let never = signals.ignore(&[SIGINT, 14, 11, 9]).unwrap();
        assert_eq!(never, [11, 9]);
        // The process is still there.
        signal_hook::low_level::raise(14).unwrap();
    }

    #[test]
    fn a_signal_that_comes_too_early_waits() {
        let mut watched = None;
        held_back([SIGUSR1], || {
            signal_hook::low_level::raise(SIGUSR1)?;
            watched = Some(Arc::new(AtomicBool::new(false)));
            flag::register(SIGUSR1, watched.clone().unwrap()).map(drop)
        })
        .unwrap();
        // Without, the process would be gone.
        assert!(watched.unwrap().load(Ordering::SeqCst));
    }

    #[test]
    fn a_signal_of_a_program_is_not_one_of_the_terminal() {
        let mut signals = Signals::catch().unwrap();
        signal_hook::low_level::raise(SIGUSR2).unwrap();
        // Tests beside this one raise others in the same process.
        let mut arrivals = || {
            let mut arrivals = signals.arrivals();
            arrivals.retain(|arrival| arrival.number == SIGUSR2);
            arrivals
        };
        assert_eq!(
            arrivals(),
            [Arrival {
                number: SIGUSR2,
                from_terminal: false
            }]
        );
        assert_eq!(arrivals(), []);
    }
}
