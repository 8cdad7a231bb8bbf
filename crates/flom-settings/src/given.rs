//! What one source - a command line, later a file - sets, and how that changes the settings.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::Settings;
use crate::table::{Kind, Setting};
use crate::value::{Value, ValueError};

/// The order in which the values of a command line are looked at: the first bad one is reported
/// (`spec/command-line.md` §1, step 6). What FLoM 1.7.2 does not have comes last.
const ORDER: [&str; 32] = [
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
    "append-trace-file",
    "fairness",
    "remote-shutdown",
    "killed-status",
];

/// The settings that choose a transport.
const TRANSPORTS: [&str; 3] = ["socket-name", "unicast-address", "multicast-address"];

/// The words that one source gives, by setting; not yet looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    values: BTreeMap<&'static str, Value>,
}

impl Given {
    /// Takes the next `word` for `setting`: the last one counts, but for lists, which grow.
    pub fn add(&mut self, setting: &'static Setting, word: OsString) {
        match self.values.get_mut(setting.long) {
            Some(value) if matches!(setting.kind, Kind::List(_)) => value.add(word),
            _ => {
                self.values.insert(setting.long, Value::new(word));
            }
        }
    }

    /// Changes `settings` by what is given here. Values that can be passed over go to `warnings`.
    ///
    /// A transport given here takes the place of those of earlier sources, so that a conflict of
    /// transports can only come from one source.
    ///
    /// # Errors
    ///
    /// The first value that cannot be taken; `settings` are half changed then.
    pub fn apply_to(
        &self,
        settings: &mut Settings,
        warnings: &mut Vec<ValueError>,
    ) -> Result<(), ValueError> {
        if TRANSPORTS.iter().any(|long| self.values.contains_key(long)) {
            settings.daemon.socket_name = None;
            settings.daemon.unicast_address = None;
            settings.daemon.multicast_address = None;
        }
        for (setting, value) in self.in_order() {
            let Err(problem) = setting.set(settings, value) else {
                continue;
            };
            let warning = problem.is_warning();
            let error = ValueError { setting, problem };
            match warning {
                true => warnings.push(error),
                false => return Err(error),
            }
        }
        Ok(())
    }

    fn in_order(&self) -> impl Iterator<Item = (&'static Setting, &Value)> {
        ORDER
            .iter()
            .filter_map(|long| Some((Setting::by_long(long)?, self.values.get(long)?)))
    }
}

#[cfg(test)]
mod tests {
    use flom_types::Fairness;

    use super::*;
    use crate::KilledStatus;
    use crate::table::TABLE;

    fn given(words: &[(&str, &str)]) -> Given {
        let mut given = Given::default();
        for (long, word) in words {
            given.add(Setting::by_long(long).unwrap(), word.into());
        }
        given
    }

    fn applied(words: &[(&str, &str)]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let result = given(words).apply_to(&mut settings, &mut Vec::new());
        result.map(|()| settings).map_err(|error| error.to_string())
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
        given.apply_to(&mut settings, &mut Vec::new()).unwrap();
        assert_eq!(settings.monitor.ignored_signals, [2]);
    }

    #[test]
    fn a_transport_takes_the_place_of_those_of_earlier_sources() {
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some("/tmp/x".into());
        let unicast = given(&[("unicast-address", "::1")]);
        unicast.apply_to(&mut settings, &mut Vec::new()).unwrap();
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
        port.apply_to(&mut settings, &mut Vec::new()).unwrap();
        assert_eq!(settings.daemon.socket_name, Some("/tmp/x".into()));
    }

    #[test]
    fn a_value_equal_to_the_default_overrides_an_earlier_source() {
        let mut settings = Settings::default();
        settings.daemon.lifespan_ms = 300;
        settings.network.discovery_attempts = 9;
        let defaults = given(&[("daemon-lifespan", "5000"), ("discovery-attempts", "2")]);
        defaults.apply_to(&mut settings, &mut Vec::new()).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn the_first_bad_value_in_order_is_reported() {
        let words = [
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
        let (mut settings, mut warnings) = (Settings::default(), Vec::new());
        let units = given(&[("resource-quantity", "-3")]);
        units.apply_to(&mut settings, &mut warnings).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(
            warnings[0].to_string(),
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

    #[test]
    fn what_this_version_does_not_have() {
        let sentence = "mount-point-vfs: this version does not have this option yet";
        assert_eq!(
            applied(&[("mount-point-vfs", "/mnt")]),
            Err(sentence.to_string())
        );
    }
}
