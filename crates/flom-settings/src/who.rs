//! Who we are in the words of people, for those who look at who holds a lock.

use std::env;
use std::ffi::OsString;
use std::process;

use flom_types::Who;
use nix::unistd::{User, gethostname, getuid};

use crate::text::shown;

/// This process, which runs `command` and is called `label`.
pub fn who(label: Option<&str>, command: &[OsString]) -> Who {
    let words: Vec<_> = command.iter().map(|word| shown(word)).collect();
    Who {
        host: gethostname().ok().and_then(|name| name.into_string().ok()),
        user: user(),
        pid: Some(process::id()),
        label: label.map(str::to_owned),
        command: (!words.is_empty()).then(|| words.join(" ")),
    }
}

/// The login of the user; the environment says it faster than the system, and is believed: nobody
/// can rely on what a client says of itself.
fn user() -> Option<String> {
    let said = ["LOGNAME", "USER"].into_iter().find_map(|name| {
        let value = env::var(name).ok()?;
        (!value.is_empty()).then_some(value)
    });
    said.or_else(|| Some(User::from_uid(getuid()).ok()??.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_what_it_is() {
        let who = who(Some("nightly"), &["echo".into(), "a b".into()]);
        assert_eq!(who.pid, Some(process::id()));
        assert_eq!(who.label.as_deref(), Some("nightly"));
        assert_eq!(who.command.as_deref(), Some("echo a b"));
        assert!(who.host.is_some_and(|host| !host.is_empty()));
        assert!(who.user.is_some_and(|user| !user.is_empty()));
        assert_eq!(super::who(None, &[]).command, None);
    }
}
