//! Facts about the program that need no settings: version, signal list.

/// When this version was released.
const RELEASE_DATE: &str = "unreleased";

/// What `-v` prints: seven lines, the fourth in the form that scripts know.
pub(crate) fn text() -> String {
    format!(
        "flom: a lock manager for commands; compatible with FLoM 1.7.2\n\
         Copyright (c) {authors}\n\
         Licence: {licence}\n\
         Package name: flom; package version: {version}; release date: {RELEASE_DATE}\n\
         TLS supported protocol(s): {tls}\n\
         Project: README.md of the sources\n\
         Documentation: flom --help, docs of the sources\n",
        authors = env!("CARGO_PKG_AUTHORS"),
        licence = env!("CARGO_PKG_LICENSE"),
        version = env!("CARGO_PKG_VERSION"),
        tls = match cfg!(feature = "tls") {
            true => "TLSv1.2, TLSv1.3",
            false => "none (built without)",
        },
    )
}

/// What `--signal-list` prints: four signals a line, a tab after each.
pub(crate) fn signal_list() -> String {
    let all: Vec<_> = flom_settings::signals()
        .map(|(number, name)| format!("{number}) {name}\t"))
        .collect();
    all.chunks(4).map(|line| line.concat() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_has_seven_lines_and_the_fourth_is_for_scripts() {
        let text = text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        let version = env!("CARGO_PKG_VERSION");
        assert!(lines[3].starts_with(&format!(
            "Package name: flom; package version: {version}; release date: "
        )));
        assert!(lines[0].contains("FLoM 1.7.2"));
    }

    #[test]
    fn the_signal_list_is_byte_for_byte_as_scripts_know_it() {
        let expected = "\
1) SIGHUP\t2) SIGINT\t3) SIGQUIT\t4) SIGILL\t
5) SIGTRAP\t6) SIGABRT\t7) SIGBUS\t8) SIGFPE\t
9) SIGKILL\t10) SIGUSR1\t11) SIGSEGV\t12) SIGUSR2\t
13) SIGPIPE\t14) SIGALRM\t15) SIGTERM\t16) SIGSTKFLT\t
17) SIGCHLD\t18) SIGCONT\t19) SIGSTOP\t20) SIGTSTP\t
21) SIGTTIN\t22) SIGTTOU\t23) SIGURG\t24) SIGXCPU\t
25) SIGXFSZ\t26) SIGVTALRM\t27) SIGPROF\t28) SIGWINCH\t
29) SIGIO\t30) SIGPWR\t31) SIGSYS\t
";
        assert_eq!(signal_list(), expected);
    }
}
