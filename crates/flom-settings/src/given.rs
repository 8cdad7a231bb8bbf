//! What one source - a command line, a file - sets, and how that changes the settings.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::Settings;
use crate::origin::{Origin, Place};
use crate::problem::{Problem, ValueError};
use crate::rows::TABLE;
use crate::table::{Kind, Setting};
use crate::value::Value;

/// The order in which the values of a command line are looked at: the first bad one is reported
/// (`spec/command-line.md` §1, step 6). What FLoM 1.7.2 does not have comes last. In files it is
/// the order of the table.
const ORDER: [&str; 47] = [
    "daemon-trace-file",
    "command-trace-file",
    "verbose",
    "resource-name",
    "resource-quantity",
    "resource-timeout",
    "lock-mode",
    "resource-create",
    "resource-idle-lifespan",
    "socket-name",
    "daemon-lifespan",
    "unicast-address",
    "unicast-port",
    "multicast-address",
    "multicast-port",
    "mount-point-vfs",
    "network-interface",
    "discovery-attempts",
    "discovery-timeout",
    "discovery-ttl",
    "tcp-keepalive-time",
    "tcp-keepalive-intvl",
    "tcp-keepalive-probes",
    "ignore-signal",
    "tls-certificate",
    "tls-private-key",
    "tls-ca-certificate",
    "tls-check-peer-id",
    "tls-handshake-timeout",
    "append-trace-file",
    "fairness",
    "remote-shutdown",
    "http",
    "reentrant",
    "killed-status",
    "label",
    "hide-command",
    "on-dirty",
    "on-lost",
    "lost-grace",
    "kill-after",
    "max-hold",
    "min-hold",
    "heartbeat",
    "access-lock",
    "access-shutdown",
    "access-observe",
];

/// What one source gives, by setting; not yet looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    values: BTreeMap<&'static str, Item>,
}

/// What it gives for one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    setting: &'static Setting,
    origin: Origin,
    /// Or why nothing can be read there.
    value: Result<Value, Problem>,
}

/// What has become of what a source gives.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The settings that have changed.
    pub(crate) taken: Vec<(&'static str, Origin)>,
    /// Whether the transports of earlier sources do not count any more.
    pub(crate) replaced_transport: bool,
    /// What could not be taken, or not quite.
    pub(crate) errors: Vec<ValueError>,
}

impl Given {
    /// The settings that choose a transport.
    pub(crate) const TRANSPORTS: [&str; 3] =
        ["socket-name", "unicast-address", "multicast-address"];

    /// Whether there is a value for `setting`.
    pub fn has(&self, setting: &Setting) -> bool {
        self.values.contains_key(setting.long)
    }

    /// Takes the next `word` of the command line for `setting`: the last one counts, but for
    /// lists, which grow.
    pub fn add(&mut self, setting: &'static Setting, word: OsString) {
        let earlier = self.values.get_mut(setting.long);
        match earlier.and_then(|item| item.value.as_mut().ok()) {
            Some(value) if matches!(setting.kind, Kind::List(_)) => value.add(word),
            _ => self.put(setting, Origin::CommandLine, Ok(Value::new(word))),
        }
    }

    /// Takes what stands in a line of a file for `setting`: the last line counts.
    pub(crate) fn add_line(
        &mut self,
        setting: &'static Setting,
        place: Place,
        value: Result<Value, Problem>,
    ) {
        self.put(setting, Origin::File(place), value);
    }

    fn put(&mut self, setting: &'static Setting, origin: Origin, value: Result<Value, Problem>) {
        let item = Item {
            setting,
            origin,
            value,
        };
        self.values.insert(setting.long, item);
    }

    /// Changes `settings` by what is given here.
    ///
    /// A transport given here takes the place of those of earlier sources, so that a conflict of
    /// transports can only come from one source.
    pub(crate) fn apply_to(&self, settings: &mut Settings) -> Applied {
        let mut applied = Applied {
            replaced_transport: self.has_transport(),
            ..Applied::default()
        };
        if applied.replaced_transport {
            settings.daemon.socket_name = None;
            settings.daemon.unicast_address = None;
            settings.daemon.multicast_address = None;
        }
        for item in self.in_order() {
            item.apply_to(settings, &mut applied);
        }
        applied
    }

    fn has_transport(&self) -> bool {
        Self::TRANSPORTS.iter().any(|long| {
            let item = self.values.get(long);
            item.is_some_and(|item| !item.value.as_ref().is_ok_and(Value::is_unset))
        })
    }

    /// In the order in which they are looked at.
    fn in_order(&self) -> Vec<&Item> {
        let mut items: Vec<_> = self.values.values().collect();
        items.sort_by_key(|item| item.turn());
        items
    }
}

impl Item {
    fn turn(&self) -> Option<usize> {
        match self.origin.is_file() {
            true => TABLE.iter().position(|setting| setting == self.setting),
            false => ORDER.iter().position(|long| *long == self.setting.long),
        }
    }

    fn apply_to(&self, settings: &mut Settings, applied: &mut Applied) {
        let Self {
            setting, origin, ..
        } = self;
        let set = match &self.value {
            Ok(value) => (setting.set)(settings, value),
            Err(problem) => Err(problem.clone()),
        };
        let passed_over = |problem: &Problem| matches!(problem, Problem::NegativeUnits(_));
        if !set.as_ref().is_err_and(passed_over) {
            applied.taken.push((setting.long, origin.clone()));
        }
        if let Err(problem) = set {
            applied.errors.push(ValueError {
                setting,
                origin: origin.clone(),
                problem,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use flom_types::Fairness;

    use super::*;
    use crate::KilledStatus;

    fn given(words: &[(&str, &str)]) -> Given {
        let mut given = Given::default();
        for (long, word) in words {
            given.add(Setting::by_long(long).unwrap(), word.into());
        }
        given
    }

    fn applied(words: &[(&str, &str)]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let errors = given(words).apply_to(&mut settings).errors;
        match errors.iter().find(|error| !error.problem.is_warning()) {
            Some(error) => Err(error.to_string()),
            None => Ok(settings),
        }
    }

    #[test]
    fn every_setting_has_its_turn() {
        let mut of_order = ORDER.to_vec();
        let mut of_table: Vec<_> = TABLE.iter().map(|setting| setting.long).collect();
        of_order.sort_unstable();
        of_table.sort_unstable();
        assert_eq!(of_order, of_table);
    }

    #[test]
    fn the_last_word_counts_but_lists_grow() {
        let settings = applied(&[
            ("daemon-lifespan", "300"),
            ("daemon-lifespan", "400"),
            ("ignore-signal", "TERM"),
            ("ignore-signal", "2"),
        ])
        .unwrap();
        assert_eq!(settings.daemon.lifespan_ms, 400);
        assert_eq!(settings.monitor.ignored_signals, [2, 15]);
    }

    #[test]
    fn a_list_takes_the_place_of_an_earlier_one() {
        let mut settings = Settings::default();
        settings.monitor.ignored_signals = vec![1, 3];
        let given = given(&[("ignore-signal", "2")]);
        given.apply_to(&mut settings);
        assert_eq!(settings.monitor.ignored_signals, [2]);
    }

    #[test]
    fn a_transport_takes_the_place_of_those_of_earlier_sources() {
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some("/tmp/x".into());
        let unicast = given(&[("unicast-address", "::1")]);
        unicast.apply_to(&mut settings);
        assert_eq!(settings.daemon.socket_name, None);
        assert_eq!(settings.check(), Ok(()));

        let both = [("unicast-address", "::1"), ("socket-name", "/tmp/x")];
        assert!(applied(&both).unwrap().check().is_err());
    }

    #[test]
    fn a_source_without_transport_leaves_the_earlier_ones() {
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some("/tmp/x".into());
        let port = given(&[("unicast-port", "5")]);
        port.apply_to(&mut settings);
        assert_eq!(settings.daemon.socket_name, Some("/tmp/x".into()));
    }

    #[test]
    fn a_value_equal_to_the_default_overrides_an_earlier_source() {
        let mut settings = Settings::default();
        settings.daemon.lifespan_ms = 300;
        settings.network.discovery_attempts = 9;
        let defaults = given(&[("daemon-lifespan", "5000"), ("discovery-attempts", "2")]);
        defaults.apply_to(&mut settings);
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn the_first_bad_value_in_order_is_reported() {
        let words = [
            ("append-trace-file", "x"),
            ("unicast-port", "-1"),
            ("resource-create", "true"),
            ("lock-mode", "XX"),
        ];
        let expected = "lock-mode: 'XX' is an invalid value: expected NL, CR, CW, PR, PW or EX, \
                        or the long name of one of them";
        assert_eq!(applied(&words), Err(expected.to_string()));
    }

    #[test]
    fn negative_units_warn_and_change_nothing() {
        let mut settings = Settings::default();
        let applied = given(&[("resource-quantity", "-3")]).apply_to(&mut settings);
        assert_eq!(settings, Settings::default());
        assert_eq!(applied.taken, []);
        assert!(applied.errors[0].problem.is_warning());
        assert_eq!(
            applied.errors[0].to_string(),
            "Resource quantity ignored because negative values (-3) are meaningless"
        );
    }

    #[test]
    fn what_a_value_becomes() {
        let table = [
            ("resource-timeout", "-100", "[Resource]/Timeout=-100"),
            ("resource-quantity", "0", "[Resource]/Quantity=1"),
            ("resource-quantity", "7", "[Resource]/Quantity=7"),
            ("lock-mode", "pr", "[Resource]/LockMode=3"),
            ("resource-create", "N", "[Resource]/Create=0"),
            ("resource-idle-lifespan", "-9", "[Resource]/IdleLifespan=9"),
            ("daemon-lifespan", "-100", "[Daemon]/Lifespan=-100"),
            ("unicast-port", "0x10", "[Daemon]/UnicastPort=16"),
            ("multicast-port", "010", "[Daemon]/MulticastPort=8"),
            (
                "network-interface",
                "eth0",
                "[Network]/NetworkInterface='eth0'",
            ),
            ("discovery-attempts", "0", "[Network]/DiscoveryAttempts=1"),
            ("discovery-timeout", "1", "[Network]/DiscoveryTimeout=1"),
            ("discovery-ttl", "0", "[Network]/DiscoveryTTL=1"),
            ("tcp-keepalive-time", "1", "[Network]/TcpKeepaliveTime=1"),
            (
                "tcp-keepalive-intvl",
                "32767",
                "[Network]/TcpKeepaliveIntvl=32767",
            ),
            (
                "tcp-keepalive-probes",
                "127",
                "[Network]/TcpKeepaliveProbes=127",
            ),
            (
                "ignore-signal",
                "term",
                "[Monitor]/IgnoredSignals='SIGTERM'",
            ),
            ("verbose", "yes", "[Trace]/Verbose=1"),
            ("daemon-trace-file", "/d", "[Trace]/DaemonTraceFile='/d'"),
            ("command-trace-file", "/c", "[Trace]/CommandTraceFile='/c'"),
            ("command-trace-file", "", "[Trace]/CommandTraceFile=''"),
            ("append-trace-file", "y", "[Trace]/AppendTraceFile=1"),
        ];
        for (long, word, line) in table {
            let lines = applied(&[(long, word)]).unwrap().verbose_lines();
            assert!(lines.iter().any(|theirs| theirs == line), "{long} {word}");
        }
    }

    #[test]
    fn what_the_settings_become_that_are_not_in_the_verbose_lines() {
        let settings = applied(&[
            ("fairness", "FIFO"),
            ("remote-shutdown", "no"),
            ("killed-status", "zero"),
        ])
        .unwrap();
        assert_eq!(settings.daemon.fairness, Fairness::Fifo);
        assert_eq!(settings.daemon.remote_shutdown, Some(false));
        assert_eq!(settings.monitor.killed_status, KilledStatus::Zero);
        assert_eq!(
            settings.verbose_lines(),
            Settings::default().verbose_lines()
        );
    }

    #[test]
    fn a_trace_file_starts_at_the_current_directory() {
        let settings = applied(&[("daemon-trace-file", "trace")]).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(settings.trace.daemon_file, Some(here.join("trace")));
    }

    #[test]
    fn what_is_no_value() {
        let table = [
            ("unicast-port", "65536", "a number from 0 to 65535"),
            ("multicast-port", "-1", "a number from 0 to 65535"),
            ("unicast-address", "", "the name or address of a host"),
            (
                "multicast-address",
                "",
                "the name or address of a multicast group",
            ),
            ("socket-name", "", "the path of a UNIX socket"),
            ("network-interface", "", "the name of a network interface"),
            ("discovery-attempts", "-1", "a number from 0 to 2147483647"),
            ("discovery-timeout", "0", "a number from 1 to 2147483647"),
            ("discovery-ttl", "256", "a number from 0 to 255"),
            ("tcp-keepalive-time", "0", "a number from 1 to 32767"),
            ("tcp-keepalive-intvl", "-5", "a number from 1 to 32767"),
            ("tcp-keepalive-probes", "128", "a number from 1 to 127"),
            (
                "ignore-signal",
                "FOO",
                "a signal of --signal-list, such as SIGTERM, TERM or 15",
            ),
            ("resource-create", "true", "yes or no"),
            (
                "fairness",
                "bounded",
                "bounded:N (N from 0 to 4294967295), fifo or first-fit",
            ),
            ("remote-shutdown", "", "yes or no"),
            ("killed-status", "nothing", "signal or zero"),
        ];
        for (long, word, expected) in table {
            let sentence = format!("{long}: '{word}' is an invalid value: expected {expected}");
            assert_eq!(applied(&[(long, word)]), Err(sentence));
        }
    }

    #[test]
    fn what_is_no_resource_name() {
        let reserved = "ERROR: '_RESOURCE' is a reserved resource name and can not be set by user \
                        (resource-name)";
        let empty =
            "ERROR: '' is not a valid name for a resource (resource-name: the name is empty)";
        for (word, sentence) in [("_RESOURCE", reserved), ("", empty)] {
            assert_eq!(
                applied(&[("resource-name", word)]),
                Err(sentence.to_string())
            );
        }
    }
}
