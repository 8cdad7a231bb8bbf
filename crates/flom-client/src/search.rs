//! How a daemon is searched for: when to look, when to start one, when to give up. No I/O.

use std::time::Duration;

use crate::error::{ConnectError, StartError};
use crate::locate::Endpoint;
use crate::start::Report;

/// How long somebody who holds a daemon's place may take to become that daemon, or to give way.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at a place that is taken; then a start is tried again.
const PAUSES_MS: [u64; 6] = [1, 2, 5, 10, 20, 50];

/// Between two looks where somebody answers who is gone when we come: until a daemon that finds
/// out that it is not the only one of its group has given way.
const GONE_PAUSES_MS: [u64; 5] = [20, 50, 100, 200, 400];

/// What a look at a place finds.
#[derive(Debug)]
pub(crate) enum Look<T> {
    Found(T),
    /// Nobody, which a start can change.
    Nobody(ConnectError),
    /// Somebody who answered, but refused when we came: perhaps another one will answer.
    Gone(ConnectError),
}

/// What the search for a daemon does to the world.
pub(crate) trait World {
    type Line;
    fn look(&mut self) -> Result<Look<Self::Line>, ConnectError>;
    fn start(&mut self) -> Result<Report, StartError>;
    fn pause(&mut self, pause: Duration);
    fn elapsed(&self) -> Duration;
    fn endpoint(&self) -> Endpoint;
}

/// Looks for a daemon; starts one if it `may_start` and there is none. While somebody else is about
/// to be the daemon, or about to leave its place, looks again and again.
pub(crate) fn find<W: World>(world: &mut W, may_start: bool) -> Result<W::Line, ConnectError> {
    match look(world)? {
        Ok(line) => return Ok(line),
        Err(reason) if !may_start => return Err(reason),
        Err(_) => {}
    }
    loop {
        let endpoint = world.endpoint();
        match world.start() {
            Ok(Report::Ready { .. }) => return reach(world),
            Ok(Report::Busy(report)) => {
                if let Some(line) = look_again(world)? {
                    return Ok(line);
                }
                if world.elapsed() >= BUSY_LIMIT {
                    return Err(ConnectError::Occupied { endpoint, report });
                }
            }
            Ok(Report::Failed { code, reason }) => {
                let source = StartError::Failed { code, reason };
                return Err(ConnectError::NotStarted { endpoint, source });
            }
            Err(source) => return Err(ConnectError::NotStarted { endpoint, source }),
        }
    }
}

/// Connects to the daemon that has just been started.
fn reach<W: World>(world: &mut W) -> Result<W::Line, ConnectError> {
    look(world)?.map_err(|reason| ConnectError::NotReached {
        endpoint: world.endpoint(),
        source: Box::new(reason),
    })
}

fn look_again<W: World>(world: &mut W) -> Result<Option<W::Line>, ConnectError> {
    for pause_ms in PAUSES_MS {
        world.pause(Duration::from_millis(pause_ms));
        if let Ok(line) = look(world)? {
            return Ok(Some(line));
        }
        if world.elapsed() >= BUSY_LIMIT {
            break; // a look at a group takes its time
        }
    }
    Ok(None)
}

/// Looks until somebody is there or nobody; the inner error is nobody's.
fn look<W: World>(world: &mut W) -> Result<Result<W::Line, ConnectError>, ConnectError> {
    for pause_ms in GONE_PAUSES_MS {
        match world.look()? {
            Look::Found(line) => return Ok(Ok(line)),
            Look::Nobody(reason) => return Ok(Err(reason)),
            Look::Gone(_) => world.pause(Duration::from_millis(pause_ms)),
        }
    }
    match world.look()? {
        Look::Found(line) => Ok(Ok(line)),
        Look::Nobody(reason) => Ok(Err(reason)),
        // It is there, whoever it is: a daemon of ours would split the group.
        Look::Gone(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use flom_types::ReturnCode;

    use super::*;

    /// A world that goes by a script: what the looks find, what the starts report.
    #[derive(Default)]
    struct Script {
        /// The first look that finds a daemon, counted from 1.
        found_at_look: Option<usize>,
        reports: Vec<Report>,
        group: bool,
        /// So many looks find somebody who is gone.
        gone: usize,
        looks: usize,
        starts: usize,
        clock: Duration,
    }

    impl World for Script {
        type Line = usize;

        fn look(&mut self) -> Result<Look<usize>, ConnectError> {
            self.looks += 1;
            if self.looks <= self.gone {
                return Ok(Look::Gone(ConnectError::Unreachable {
                    peer: "[::1]:1".to_string(),
                    source: io::ErrorKind::ConnectionRefused.into(),
                }));
            }
            match self.found_at_look {
                Some(look) if look <= self.looks => Ok(Look::Found(self.looks)),
                _ => Ok(Look::Nobody(ConnectError::Nobody {
                    endpoint: self.endpoint(),
                    source: io::ErrorKind::ConnectionRefused.into(),
                })),
            }
        }

        fn start(&mut self) -> Result<Report, StartError> {
            let report = self.reports[self.starts.min(self.reports.len() - 1)].clone();
            self.starts += 1;
            Ok(report)
        }

        fn pause(&mut self, pause: Duration) {
            self.clock += pause;
        }

        fn elapsed(&self) -> Duration {
            self.clock
        }

        fn endpoint(&self) -> Endpoint {
            match self.group {
                true => Endpoint::Group {
                    address: "ff02::1".to_string(),
                    port: 1,
                },
                false => Endpoint::Tcp {
                    host: "::1".to_string(),
                    port: 1,
                },
            }
        }
    }

    fn busy() -> Report {
        Report::Busy("taken".to_string())
    }

    fn failed(code: ReturnCode) -> Report {
        Report::Failed {
            code,
            reason: "because".to_string(),
        }
    }

    #[test]
    fn who_is_there_is_not_started_again() {
        let mut world = Script {
            found_at_look: Some(1),
            ..Script::default()
        };
        assert_eq!(find(&mut world, true).unwrap(), 1);
        assert_eq!(world.starts, 0);
    }

    #[test]
    fn without_leave_to_start_nobody_is_an_error() {
        let mut world = Script::default();
        let error = find(&mut world, false).unwrap_err();
        assert_eq!(error.code(), ReturnCode::CONNECT);
        assert_eq!((world.looks, world.starts), (1, 0));
    }

    #[test]
    fn who_answers_but_is_gone_is_asked_for_again() {
        let mut world = Script {
            gone: 3,
            found_at_look: Some(4),
            ..Script::default()
        };
        assert_eq!(find(&mut world, false).unwrap(), 4);
        assert!(!world.clock.is_zero());
    }

    #[test]
    fn who_answers_and_always_refuses_is_an_error_and_no_reason_to_start_another() {
        let mut world = Script {
            gone: usize::MAX,
            ..Script::default()
        };
        let error = find(&mut world, true).unwrap_err();
        assert_eq!(error.code(), ReturnCode::CONNECT);
        assert_eq!((world.looks, world.starts), (GONE_PAUSES_MS.len() + 1, 0));
    }

    #[test]
    fn a_daemon_that_was_started_is_connected_to() {
        let mut world = Script {
            found_at_look: Some(2),
            reports: vec![Report::Ready { but: None }],
            ..Script::default()
        };
        assert_eq!(find(&mut world, true).unwrap(), 2);
        assert_eq!(world.starts, 1);
    }

    #[test]
    fn a_daemon_that_was_started_and_cannot_be_reached_is_an_error() {
        for (group, code) in [
            (false, ReturnCode::DAEMON_NOT_STARTED),
            (true, ReturnCode::CONNECTION_REFUSED),
        ] {
            let mut world = Script {
                reports: vec![Report::Ready { but: None }],
                group,
                ..Script::default()
            };
            assert_eq!(find(&mut world, true).unwrap_err().code(), code);
            assert_eq!(world.starts, 1);
        }
    }

    #[test]
    fn the_winner_of_a_race_is_waited_for() {
        let mut world = Script {
            found_at_look: Some(4),
            reports: vec![busy()],
            ..Script::default()
        };
        assert_eq!(find(&mut world, true).unwrap(), 4);
        assert_eq!(world.starts, 1);
        assert!(!world.clock.is_zero());
    }

    #[test]
    fn a_daemon_that_has_to_leave_first_is_replaced() {
        let mut world = Script {
            reports: vec![busy(), busy(), Report::Ready { but: None }],
            found_at_look: Some(2 + 2 * PAUSES_MS.len()),
            ..Script::default()
        };
        find(&mut world, true).unwrap();
        assert_eq!(world.starts, 3);
    }

    #[test]
    fn a_place_that_stays_taken_is_given_up() {
        let mut world = Script {
            reports: vec![busy()],
            ..Script::default()
        };
        let error = find(&mut world, true).unwrap_err();
        assert_eq!(error.code(), ReturnCode::DAEMON_NOT_STARTED);
        assert!(error.to_string().contains("taken"), "{error}");
        assert!(world.clock >= BUSY_LIMIT);
    }

    #[test]
    fn the_reason_of_a_daemon_that_cannot_be_is_passed_on() {
        let table = [
            (ReturnCode::OPEN, ReturnCode::OPEN),
            (ReturnCode::UNLINK, ReturnCode::UNLINK),
            // An address of another host.
            (ReturnCode::BIND, ReturnCode::DAEMON_NOT_STARTED),
        ];
        for (reported, code) in table {
            let mut world = Script {
                reports: vec![failed(reported)],
                ..Script::default()
            };
            let error = find(&mut world, true).unwrap_err();
            assert_eq!(error.code(), code);
            assert_eq!(world.looks, 1);
        }
    }
}
