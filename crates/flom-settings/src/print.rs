//! The settings on their way out: to the user who asked with `-V`, and to a daemon to be started.

use std::ffi::OsString;

use crate::Settings;
use crate::rows::TABLE;
use crate::table::{Kind, Setting};

impl Settings {
    /// The lines of `-V`: one for each setting that FLoM 1.7.2 has, in the order of configuration
    /// files (`spec/command-line.md` §10). Scripts may count them.
    pub fn verbose_lines(&self) -> Vec<String> {
        TABLE
            .iter()
            .filter(|setting| setting.of_old)
            .map(|setting| setting.verbose_line(self))
            .collect()
    }

    /// What a daemon has where nothing is said: a daemon started by hand stays for ever.
    pub fn default_of_daemon() -> Self {
        let mut settings = Self::default();
        settings.daemon.lifespan_ms = -1;
        settings
    }

    /// The arguments with which `flomd` gets these settings, as far as they concern a daemon and
    /// are not its defaults anyway.
    ///
    /// Paths in it are absolute. `-V` is not handed on: it is about the one who gave it.
    pub fn daemon_arguments(&self) -> Vec<OsString> {
        let default = Self::default_of_daemon();
        let concerns = |setting: &&Setting| setting.of_daemon && setting.kind != Kind::Flag;
        TABLE
            .iter()
            .filter(concerns)
            .filter(|setting| setting.word(self) != setting.word(&default))
            .flat_map(|setting| {
                let argument = |word| {
                    let mut argument = OsString::from(format!("--{}=", setting.long));
                    argument.push(word);
                    argument
                };
                setting.words(self).into_iter().map(argument)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use flom_types::{LockMode, ResourceName};

    use super::*;
    use crate::Principal;

    #[test]
    fn the_defaults_print_byte_for_byte_as_scripts_know_them() {
        let mut settings = Settings::default();
        settings.trace.verbose = true;
        let expected = "\
[Trace]/DaemonTraceFile=''
[Trace]/CommandTraceFile=''
[Trace]/AppendTraceFile=0
[Trace]/Verbose=1
[Resource]/Name='_RESOURCE'
[Resource]/Timeout=-1
[Resource]/Quantity=1
[Resource]/LockMode=5
[Resource]/Create=1
[Resource]/IdleLifespan=0
[Daemon]/SocketName=''
[Daemon]/Lifespan=5000
[Daemon]/UnicastAddress=''
[Daemon]/UnicastPort=28015
[Daemon]/MulticastAddress=''
[Daemon]/MulticastPort=28015
[Daemon]/MountPointVFS=''
[Monitor]/IgnoredSignals=''
[Network]/NetworkInterface=''
[Network]/DiscoveryAttempts=2
[Network]/DiscoveryTimeout=500
[Network]/DiscoveryTTL=1
[Network]/TcpKeepaliveTime=60
[Network]/TcpKeepaliveIntvl=10
[Network]/TcpKeepaliveProbes=6
[TLS]/TlsCertificate=''
[TLS]/TlsPrivateKey=''
[TLS]/TlsCaCertificate=''
[TLS]/TlsCheckPeerId=0";
        assert_eq!(settings.verbose_lines().join("\n"), expected);
    }

    #[test]
    fn what_is_set_shows_in_the_verbose_lines() {
        let mut settings = Settings::default();
        settings.resource.name = ResourceName::parse("/à b".as_bytes()).unwrap();
        settings.resource.mode = LockMode::ConcurrentRead;
        settings.daemon.socket_name = Some("/tmp/s".into());
        settings.monitor.ignored_signals = vec![2, 15];
        let lines = settings.verbose_lines();
        assert_eq!(lines[4], "[Resource]/Name='/à b'");
        assert_eq!(lines[7], "[Resource]/LockMode=1");
        assert_eq!(lines[10], "[Daemon]/SocketName='/tmp/s'");
        assert_eq!(lines[17], "[Monitor]/IgnoredSignals='SIGINT;SIGTERM'");
    }

    #[test]
    fn a_daemon_is_told_what_concerns_it_and_is_not_its_default() {
        let mut settings = Settings::default();
        settings.trace.verbose = true;
        settings.resource.quantity = 7;
        assert_eq!(settings.daemon_arguments(), ["--daemon-lifespan=5000"]);

        settings.daemon.lifespan_ms = -1;
        settings.daemon.unicast_address = Some("fe80::1".to_string());
        settings.daemon.unicast_port = 4444;
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        settings.network.interface = Some("eth0".to_string());
        settings.network.keepalive_time_s = 5;
        assert_eq!(
            settings.daemon_arguments(),
            [
                "--unicast-address=fe80::1",
                "--unicast-port=4444",
                "--multicast-address=ff02::1",
                "--network-interface=eth0",
                "--tcp-keepalive-time=5",
            ]
        );
    }

    #[test]
    fn a_list_goes_to_the_daemon_item_by_item() {
        let mut settings = Settings::default_of_daemon();
        let named = Principal::Name("a;b,c d".to_string());
        settings.access.lock = vec![Principal::User(0), named];
        let arguments = ["--access-lock=uid:0", "--access-lock=a;b,c d"];
        assert_eq!(settings.daemon_arguments(), arguments);
    }

    #[test]
    fn a_path_goes_to_the_daemon_byte_for_byte() {
        let mut settings = Settings::default_of_daemon();
        let path = OsString::from_vec(b"/tmp/\xff".to_vec());
        settings.daemon.socket_name = Some(path.into());
        let argument = OsString::from_vec(b"--socket-name=/tmp/\xff".to_vec());
        assert_eq!(settings.daemon_arguments(), [argument]);
    }
}
