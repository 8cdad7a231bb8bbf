//! Durations, clients and requests in a few words.
//!
//! What a client says of itself is shown so that it can neither break a line nor do anything to a
//! terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use flom_core::snapshot::{Held, Waiter};
use flom_types::{ResourceKind, Who};

use crate::view::Peer;

/// A duration: `0s`, `59s`, `3m07s`, `2h05m`, `3d04h`.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        let (minutes, hours, days) = (s / 60, s / 3600, s / 86_400);
        let mut word = String::new();
        match () {
            () if days > 0 => write!(word, "{days}d{:02}h", hours % 24),
            () if hours > 0 => write!(word, "{hours}h{:02}m", minutes % 60),
            () if minutes > 0 => write!(word, "{minutes}m{:02}s", s % 60),
            () => write!(word, "{s}s"),
        }?;
        f.pad(&word)
    }
}

/// Text of a client's own: characters that are no part of a line are replaced.
pub(crate) struct Tame<'a>(pub(crate) &'a str);

impl fmt::Display for Tame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            // Those that turn the direction of what follows would change the rest of the line.
            '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2066}'..='\u{2069}' => f.write_char('?'),
            _ if character.is_control() => f.write_char('?'),
            _ => f.write_char(character),
        })
    }
}

/// A client: `ann@alpha pid 812 "nightly" backup.sh --all`, or what is known of it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nobody = Who::default();
        let who = self.who.as_deref().unwrap_or(&nobody);
        match (&who.user, &who.host) {
            (Some(user), Some(host)) => write!(f, "{}@{}", Tame(user), Tame(host))?,
            (Some(user), None) => write!(f, "{}", Tame(user))?,
            (None, Some(host)) => write!(f, "{}", Tame(host))?,
            (None, None) => write!(f, "session {}", self.number)?,
        }
        if let (None, Some(address)) = (&who.host, self.address) {
            write!(f, " from {address}")?;
        }
        if let Some(pid) = who.pid {
            write!(f, " pid {pid}")?;
        }
        if let Some(label) = &who.label {
            write!(f, " \"{}\"", Tame(label))?;
        }
        if self.is_lost {
            write!(f, " (connection lost)")?;
        }
        if let Some(command) = &who.command {
            write!(f, " {}", Tame(command))?;
        }
        Ok(())
    }
}

/// What is held: `EX`, `3 units`, `red`, `EX on /a/b`, `number 7`, the text of a timestamp.
pub(crate) fn held(held: &Held) -> String {
    match held {
        Held::Mode(mode) => mode.short_name().to_owned(),
        Held::Units(1) => "1 unit".to_owned(),
        Held::Units(units) => format!("{units} units"),
        Held::Element(element) | Held::Text(element) => element.clone(),
        Held::Node { path, mode } => format!("{} on {path}", mode.short_name()),
        Held::Number(number) => format!("number {number}"),
    }
}

/// What is asked for: `EX`, `3 units`, `EX on /a/b`, `one`.
pub(crate) fn asked(waiter: &Waiter) -> String {
    let request = &waiter.request;
    let mode = request.mode.short_name();
    match request.resource.kind() {
        ResourceKind::Simple => mode.to_owned(),
        ResourceKind::Hierarchical => format!("{mode} on {}", request.resource),
        ResourceKind::Numeric { .. } => held(&Held::Units(request.quantity)),
        ResourceKind::Set | ResourceKind::Sequence { .. } | ResourceKind::Timestamp { .. } => {
            "one".to_owned()
        }
    }
}

/// `1 lock`, `2 locks`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_duration_is_as_exact_as_anybody_cares() {
        for (s, word) in [
            (0, "0s"),
            (59, "59s"),
            (187, "3m07s"),
            (7500, "2h05m"),
            (273_600, "3d04h"),
        ] {
            assert_eq!(Short(Duration::from_secs(s)).to_string(), word);
        }
    }

    #[test]
    fn a_client_is_called_by_what_is_known_of_it() {
        let mut who = Who {
            host: Some("alpha".to_owned()),
            user: Some("ann".to_owned()),
            pid: Some(812),
            label: Some("nightly".to_owned()),
            command: Some("backup.sh\n\u{1b}[2J --all \u{202e}".to_owned()),
        };
        let mut peer = Peer {
            number: 7,
            address: "192.0.2.1:5000".parse().ok(),
            who: Some(Arc::new(who.clone())),
            is_lost: false,
        };
        let line = "ann@alpha pid 812 \"nightly\" backup.sh??[2J --all ?";
        assert_eq!(peer.to_string(), line);
        peer.is_lost = true;
        let line = line.replace(" backup", " (connection lost) backup");
        assert_eq!(peer.to_string(), line);
        peer.is_lost = false;
        who.host = None;
        peer.who = Some(Arc::new(Who {
            command: None,
            label: None,
            ..who
        }));
        assert_eq!(peer.to_string(), "ann from 192.0.2.1:5000 pid 812");
        peer.who = None;
        assert_eq!(peer.to_string(), "session 7 from 192.0.2.1:5000");
        peer.address = None;
        assert_eq!(peer.to_string(), "session 7");
    }
}
