//! Signals by number and name, as the user sees them: those of Linux on x86, 1 to 31.

/// Names by number; the first is 1.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The two that no process can ignore.
const NEVER_IGNORED: [i32; 2] = [9, 19];

/// Every signal, number and name, ascending.
pub fn signals() -> impl Iterator<Item = (i32, &'static str)> {
    (1..).zip(NAMES)
}

/// The name of signal `number`, such as `SIGTERM`.
pub fn signal_name(number: i32) -> Option<&'static str> {
    signals()
        .find(|(theirs, _)| *theirs == number)
        .map(|(_, name)| name)
}

/// Whether a process can ignore signal `number`.
pub fn can_be_ignored(number: i32) -> bool {
    !NEVER_IGNORED.contains(&number)
}

/// The signal that `word` means: its name with or without `SIG`, in any letter case, or its number.
pub(crate) fn parse_signal(word: &str) -> Option<i32> {
    let named = |name: &str| {
        word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name["SIG".len()..])
    };
    let numbered = |number: i32| word == number.to_string();
    signals()
        .find(|(number, name)| named(name) || numbered(*number))
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_name_and_number() {
        for word in ["SIGTERM", "TERM", "sigterm", "Term", "15"] {
            assert_eq!(parse_signal(word), Some(15), "{word}");
        }
        assert_eq!(parse_signal("1"), Some(1));
        assert_eq!(parse_signal("SIGSYS"), Some(31));
    }

    #[test]
    fn nothing_else_is_a_signal() {
        for word in [
            "",
            "0",
            "32",
            "3abc",
            "-1",
            "015",
            "SIG",
            "SIGTERM;SIGINT",
            "SIGFOO",
            " 15",
        ] {
            assert_eq!(parse_signal(word), None, "{word:?}");
        }
    }

    #[test]
    fn every_signal_is_found_by_its_own_name() {
        for (number, name) in signals() {
            assert_eq!(parse_signal(name), Some(number));
            assert_eq!(signal_name(number), Some(name));
        }
        assert_eq!(signal_name(0), None);
        assert_eq!(signal_name(32), None);
    }

    #[test]
    fn only_kill_and_stop_cannot_be_ignored() {
        let never: Vec<_> = signals()
            .filter(|(number, _)| !can_be_ignored(*number))
            .map(|(_, name)| name)
            .collect();
        assert_eq!(never, ["SIGKILL", "SIGSTOP"]);
    }
}
