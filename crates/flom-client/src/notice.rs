//! What happens on the way to a daemon, for those who want to know.

use std::fmt;

/// What happens in the search for a daemon. For the steps of one in a group, the text is the line
/// that `flom -V` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A query is on its way.
    Query {
        /// The group as configured.
        group: &'a str,
        /// Its port.
        port: u16,
        /// What is sent.
        datagram: &'a [u8],
    },
    /// Nobody answered a query in time.
    NoReply {
        /// The group as configured.
        group: &'a str,
        /// Its port.
        port: u16,
    },
    /// A daemon answered.
    Reply {
        /// The group as configured; where the daemon is, only the datagram says.
        group: &'a str,
        /// Its port.
        port: u16,
        /// What the daemon sent.
        datagram: &'a [u8],
    },
    /// The daemon that was started serves, but does not do all that the settings say.
    Shortcoming {
        /// What it does not, and why not.
        text: &'a str,
    },
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query {
                group,
                port,
                datagram,
            } => {
                let text = String::from_utf8_lossy(datagram);
                write!(
                    f,
                    "sending UDP multicast datagram to {group}/{port} ('{text}')"
                )
            }
            Self::Shortcoming { text } => f.write_str(text),
            Self::NoReply { group, port } => write!(f, "no reply from {group}/{port}"),
            Self::Reply {
                group,
                port,
                datagram,
            } => {
                let text = String::from_utf8_lossy(datagram);
                write!(f, "reply from {group}/{port} is '{text}'")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_old_program() {
        let (group, port) = ("ff02::1", 28015);
        let datagram = &b"<msg/>"[..];
        for (notice, line) in [
            (
                Notice::Query {
                    group,
                    port,
                    datagram,
                },
                "sending UDP multicast datagram to ff02::1/28015 ('<msg/>')",
            ),
            (
                Notice::NoReply { group, port },
                "no reply from ff02::1/28015",
            ),
            (
                Notice::Reply {
                    group,
                    port,
                    datagram,
                },
                "reply from ff02::1/28015 is '<msg/>'",
            ),
        ] {
            assert_eq!(notice.to_string(), line);
        }
    }
}
