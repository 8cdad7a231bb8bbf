//! Settings in the making: one source after the other, later ones override earlier ones.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use flom_types::ReturnCode;
use nix::unistd::{User, getuid};

use crate::Settings;
use crate::file::{self, Contents, FileError, Unknown};
use crate::given::Given;
use crate::origin::Origin;
use crate::problem::{Problem, ValueError};
use crate::table::Setting;

/// The directory of the system file, chosen when flom is built: `FLOM_SYSCONFDIR` in the
/// environment of the compiler.
const SYSCONFDIR: &str = match option_env!("FLOM_SYSCONFDIR") {
    Some(directory) => directory,
    None => "/etc",
};

/// Something in a source that is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Complaint {
    /// A file of which nothing can be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value, of any source.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Something in a file that means nothing to this version.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

impl Complaint {
    /// Whether the program can go on.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Value(error) => error.problem.is_warning(),
            Self::Unknown(_) => true,
        }
    }

    /// Whether it is about a file.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::File(_) | Self::Unknown(_) => true,
            Self::Value(error) => error.origin.is_file(),
        }
    }

    /// What FLoM 1.7.2 calls it.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::File(_) => ReturnCode::CONFIG_FILE,
            Self::Value(ValueError { problem, .. }) => match problem {
                Problem::NoFile { .. } => ReturnCode::REALPATH,
                Problem::Name { .. } if !self.is_of_file() => ReturnCode::INVALID_RESOURCE_NAME,
                _ => ReturnCode::INVALID_OPTION,
            },
            Self::Unknown(_) => ReturnCode::INVALID_OPTION,
        }
    }
}

/// Settings in the making, and what there is to be said about their sources.
#[derive(Debug, Default)]
pub struct Configuration {
    settings: Settings,
    origins: BTreeMap<&'static str, Origin>,
    files: Vec<(PathBuf, bool)>,
    complaints: Vec<Complaint>,
}

impl Configuration {
    /// Nothing but these defaults.
    pub fn new(defaults: Settings) -> Self {
        Self {
            settings: defaults,
            ..Self::default()
        }
    }

    /// Reads the files that hold for everything a user runs: that of the system, then that of the
    /// user. It is fine if they are missing.
    pub fn read_standard_files(&mut self) {
        for path in [Some(system_file()), user_file()].into_iter().flatten() {
            self.read_if_there(path);
        }
    }

    /// Reads a file that must be there.
    pub fn read_file(&mut self, path: &Path) {
        let read = file::read(path);
        self.take(path.to_path_buf(), read);
    }

    /// Takes `text` for the contents of `path`, which is not looked at.
    pub fn read_text(&mut self, path: &Path, text: &[u8]) {
        let read = file::interpret(path, text);
        self.take(path.to_path_buf(), read);
    }

    fn read_if_there(&mut self, path: PathBuf) {
        match file::read(&path) {
            Err(errors) if errors.iter().any(FileError::is_absence) => {
                self.files.push((path, false));
            }
            read => self.take(path, read),
        }
    }

    fn take(&mut self, path: PathBuf, read: Result<Contents, Vec<FileError>>) {
        self.files.push((path, true));
        match read {
            Ok(Contents { given, unknown }) => {
                self.complaints
                    .extend(unknown.into_iter().map(Complaint::Unknown));
                self.apply(&given);
            }
            Err(errors) => self
                .complaints
                .extend(errors.into_iter().map(Complaint::File)),
        }
    }

    /// Changes the settings by what a source gives.
    pub fn apply(&mut self, given: &Given) {
        let outcome = given.apply_to(&mut self.settings);
        if outcome.replaced_transport {
            for long in Given::TRANSPORTS {
                self.origins.remove(long);
            }
        }
        self.origins.extend(outcome.taken);
        self.complaints
            .extend(outcome.errors.into_iter().map(Complaint::Value));
    }

    /// What has become of the settings. If there is a [complaint](Self::complaints) that is no
    /// warning, they are not as anybody wants them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, to be completed.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Where the value of `setting` comes from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.origins.get(setting.long).cloned().unwrap_or_default()
    }

    /// The files that were looked for, in this order, and whether they were there.
    pub fn files(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.files
            .iter()
            .map(|(path, there)| (path.as_path(), *there))
    }

    /// What there is to be said about the sources, in their order, and in each in that of
    /// `spec/configuration.md` §3 or `spec/command-line.md` §1.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// The [settings](Self::settings).
    pub fn into_settings(self) -> Settings {
        self.settings
    }
}

/// The file that holds for all users of the system.
pub fn system_file() -> PathBuf {
    Path::new(SYSCONFDIR).join("flom.conf")
}

/// The file of the user: `.flom` in `HOME` or, where that is not set, in the user's directory.
/// `None` if there is neither.
pub fn user_file() -> Option<PathBuf> {
    user_file_of(env::var_os("HOME"))
}

fn user_file_of(home: Option<OsString>) -> Option<PathBuf> {
    const NAME: &str = ".flom";
    match home {
        Some(home) if home.is_empty() => Some(Path::new("/").join(NAME)),
        Some(home) => Some(Path::new(&home).join(NAME)),
        None => {
            let user = User::from_uid(getuid()).ok().flatten()?;
            Some(user.dir.join(NAME))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process;

    use super::*;

    /// A directory with these files, read in this order; those without text are not there.
    fn read(name: &str, files: &[(&str, &str)]) -> (PathBuf, Configuration) {
        let name = format!("flom-configuration-{}-{name}", process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut configuration = Configuration::default();
        for (name, text) in files {
            let path = directory.join(name);
            if !text.is_empty() {
                fs::write(&path, text).unwrap();
            }
            configuration.read_if_there(path);
        }
        fs::remove_dir_all(&directory).unwrap();
        (directory, configuration)
    }

    fn given(long: &str, word: &str) -> Given {
        let mut given = Given::default();
        given.add(Setting::by_long(long).unwrap(), word.into());
        given
    }

    fn origin(configuration: &Configuration, long: &str) -> String {
        configuration
            .origin(Setting::by_long(long).unwrap())
            .to_string()
    }

    #[test]
    fn later_sources_override_earlier_ones_key_by_key() {
        let system = "[Resource]\nName=system\nTimeout=1\nQuantity=2\n[Daemon]\nLifespan=3\n";
        let user = "[Resource]\nTimeout=4\nQuantity=5\n";
        let (directory, mut configuration) = read(
            "precedence",
            &[("system", system), ("none", ""), ("user", user)],
        );
        configuration.apply(&given("resource-quantity", "1"));
        let resource = &configuration.settings().resource;
        assert_eq!(resource.name.as_bytes(), b"system");
        assert_eq!((resource.timeout_ms, resource.quantity), (4, 1));
        assert_eq!(configuration.settings().daemon.lifespan_ms, 3);

        let at = |file: &str, line: u32| format!("{}:{line}", directory.join(file).display());
        assert_eq!(origin(&configuration, "resource-name"), at("system", 2));
        assert_eq!(origin(&configuration, "resource-timeout"), at("user", 2));
        assert_eq!(origin(&configuration, "resource-quantity"), "command line");
        assert_eq!(origin(&configuration, "daemon-lifespan"), at("system", 6));
        assert_eq!(origin(&configuration, "unicast-port"), "built-in");
        let there: Vec<_> = configuration.files().map(|(_, there)| there).collect();
        assert_eq!(there, [true, false, true]);
        assert!(configuration.complaints().is_empty());
    }

    #[test]
    fn a_transport_takes_the_place_of_those_of_earlier_sources() {
        let system = "[Daemon]\nUnicastAddress=::1\nMulticastAddress=ff02::1\n";
        let (_, mut configuration) = read(
            "transport",
            &[("system", system), ("user", "[Daemon]\nSocketName=/s\n")],
        );
        let daemon = &configuration.settings().daemon;
        assert_eq!(
            (&daemon.unicast_address, &daemon.multicast_address),
            (&None, &None)
        );
        assert_eq!(origin(&configuration, "unicast-address"), "built-in");
        configuration.apply(&given("multicast-address", "ff02::2"));
        let daemon = &configuration.settings().daemon;
        assert_eq!(daemon.socket_name, None);
        assert_eq!(daemon.multicast_address.as_deref(), Some("ff02::2"));
    }

    #[test]
    fn an_empty_value_unsets_what_an_earlier_file_has_set_and_nothing_else() {
        let system = "[Trace]\nDaemonTraceFile=/d\nCommandTraceFile=/c\n[Daemon]\n\
                      UnicastAddress=::1\nMulticastAddress=ff02::1\nMountPointVFS=/\n\
                      [Network]\nNetworkInterface=lo\n[TLS]\nTlsCertificate=/etc/passwd\n";
        let user = "[Trace]\nDaemonTraceFile=\nCommandTraceFile=\n[Daemon]\nSocketName=\n\
                    MulticastAddress=\nMountPointVFS=\n[Network]\nNetworkInterface=\n\
                    [TLS]\nTlsCertificate=\n";
        let (_, configuration) = read("unset", &[("system", system), ("user", user)]);
        let mut expected = Settings::default();
        expected.daemon.unicast_address = Some("::1".to_string());
        assert_eq!(configuration.settings(), &expected);
        assert!(configuration.complaints().is_empty());
    }

    #[test]
    fn numbers_of_files_are_decimal_and_most_lose_their_sign() {
        let text = "[Resource]\nTimeout=-010\nQuantity=-3\nIdleLifespan=-4\n[Daemon]\n\
                    Lifespan=-5\nUnicastPort=-6\n[Network]\nDiscoveryAttempts=-7\n\
                    DiscoveryTTL=-8\nTcpKeepaliveTime=-9\n";
        let (_, configuration) = read("numbers", &[("file", text)]);
        let Settings {
            resource,
            daemon,
            network,
            ..
        } = configuration.settings();
        assert!(configuration.complaints().is_empty());
        assert_eq!((resource.timeout_ms, daemon.lifespan_ms), (-10, -5));
        assert_eq!((resource.quantity, resource.idle_lifespan_ms), (3, 4));
        assert_eq!(daemon.unicast_port, 6);
        assert_eq!((network.discovery_attempts, network.discovery_ttl), (7, 8));
        assert_eq!(network.keepalive_time_s, 9);
    }

    #[test]
    fn a_file_that_must_be_there_is_missed() {
        let mut configuration = Configuration::default();
        configuration.read_file(Path::new("/no/such/file"));
        let [complaint] = configuration.complaints() else {
            panic!("one complaint: {configuration:?}");
        };
        assert!(!complaint.is_warning());
        assert_eq!(complaint.code(), ReturnCode::CONFIG_FILE);
    }

    #[test]
    fn each_complaint_has_the_code_that_scripts_know() {
        let text = "[x]\n[Resource]\nName=a b\n[Daemon]\nMulticastPort=x\n\
                    [TLS]\nTlsCertificate=/no/such/file\n";
        let (_, mut configuration) = read("codes", &[("file", text), ("wrong", "x")]);
        configuration.apply(&given("resource-name", "a b"));
        let codes: Vec<_> = configuration
            .complaints()
            .iter()
            .map(|c| c.code().0)
            .collect();
        assert_eq!(codes, [-5, -5, -5, -125, -203, -14]);
        let warnings = configuration.complaints().iter().filter(|c| c.is_warning());
        assert_eq!(warnings.count(), 1);
    }

    #[test]
    fn the_file_of_the_user_is_where_home_says() {
        assert_eq!(
            user_file_of(Some("/home/x".into())),
            Some("/home/x/.flom".into())
        );
        assert_eq!(user_file_of(Some("".into())), Some("/.flom".into()));
        let directory = User::from_uid(getuid()).unwrap().map(|user| user.dir);
        assert_eq!(user_file_of(None), directory.map(|path| path.join(".flom")));
    }
}
