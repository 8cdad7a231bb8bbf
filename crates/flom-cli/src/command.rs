//! The options that set nothing: what they ask for, a row each.

/// What an option that is no setting asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Help,
    Version,
    SignalList,
    UniqueId,
    ConfigFile,
    CheckConfig,
    Quiesce,
    Immediate,
    DebugFeature,
    Detach,
    Detached,
}

/// An option that is no setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) wish: Wish,
    pub(crate) shorts: &'static [char],
    pub(crate) longs: &'static [&'static str],
    /// How the help names its value, if it takes one.
    pub(crate) placeholder: Option<&'static str>,
    pub(crate) help: Help,
}

/// Where the help shows an option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Help {
    /// Among the others, with this text.
    Shown(&'static str),
    /// Nowhere: programs use it among themselves.
    Hidden,
}

const HELP: Command = Command {
    wish: Wish::Help,
    shorts: &['h', '?'],
    longs: &["help", "help-all"],
    placeholder: None,
    help: Help::Shown("print this"),
};

const VERSION: Command = Command {
    wish: Wish::Version,
    shorts: &['v'],
    longs: &["version"],
    placeholder: None,
    help: Help::Shown("print version and licence"),
};

const CONFIG_FILE: Command = Command {
    wish: Wish::ConfigFile,
    shorts: &['c'],
    longs: &["config-file"],
    placeholder: Some("FILE"),
    help: Help::Shown("read settings from this file too"),
};

/// Of `flom`.
pub(crate) static OF_FLOM: [Command; 9] = [
    Command {
        wish: Wish::Quiesce,
        shorts: &['x'],
        longs: &["quiesce-exit"],
        placeholder: None,
        help: Help::Shown("ask the daemon to end when idle"),
    },
    Command {
        wish: Wish::Immediate,
        shorts: &['X'],
        longs: &["immediate-exit"],
        placeholder: None,
        help: Help::Shown("ask the daemon to end now"),
    },
    Command {
        wish: Wish::SignalList,
        shorts: &[],
        longs: &["signal-list"],
        placeholder: None,
        help: Help::Shown("print the names of the signals"),
    },
    Command {
        wish: Wish::UniqueId,
        shorts: &[],
        longs: &["unique-id"],
        placeholder: None,
        help: Help::Shown("print the id of this host"),
    },
    Command {
        wish: Wish::DebugFeature,
        shorts: &[],
        longs: &["debug-feature"],
        placeholder: Some("FEATURE"),
        help: Help::Shown("ipv6.multicast.server or .client"),
    },
    VERSION,
    HELP,
    CONFIG_FILE,
    Command {
        wish: Wish::CheckConfig,
        shorts: &[],
        longs: &["check-config"],
        placeholder: None,
        help: Help::Shown("print settings and where they come from"),
    },
];

/// Of `flomd`.
pub(crate) static OF_FLOMD: [Command; 5] = [
    CONFIG_FILE,
    VERSION,
    HELP,
    Command {
        wish: Wish::Detach,
        shorts: &[],
        longs: &["detach"],
        placeholder: None,
        help: Help::Hidden,
    },
    Command {
        wish: Wish::Detached,
        shorts: &[],
        longs: &["detached"],
        placeholder: None,
        help: Help::Hidden,
    },
];
