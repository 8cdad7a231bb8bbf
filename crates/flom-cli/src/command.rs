//! The options that set nothing: what they ask for, a row each.

use flom_settings::Kind;

/// What an option that is no setting asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Help,
    HelpAll,
    Version,
    SignalList,
    UniqueId,
    ConfigFile,
    CheckConfig,
    Doctor,
    Quiesce,
    Immediate,
    Status,
    Why,
    Watch,
    Metrics,
    Format,
    WaitReport,
    Quiet,
    FenceCheck,
    DebugFeature,
    Foreground,
    Detach,
    Detached,
}

/// An option that is no setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) wish: Wish,
    pub(crate) shorts: &'static [char],
    pub(crate) longs: &'static [&'static str],
    /// What its value looks like; a flag takes none.
    pub(crate) kind: Kind,
    pub(crate) help: Help,
    /// What it is for, in some sentences.
    pub(crate) about: &'static str,
}

/// Where the help shows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Help {
    /// In the short one and in the long one, with this text.
    Common(&'static str),
    /// In the long one, with this text.
    Shown(&'static str),
    /// Nowhere: programs use it among themselves.
    Hidden,
}

impl Help {
    /// The text, if people are to know.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Common(text) | Self::Shown(text) => Some(text),
            Self::Hidden => None,
        }
    }
}

const HELP: Command = Command {
    wish: Wish::Help,
    shorts: &['h', '?'],
    longs: &["help"],
    kind: Kind::Flag,
    help: Help::Common("print the most used options"),
    about: "Prints how to use the program and its most used options.",
};

const HELP_ALL: Command = Command {
    wish: Wish::HelpAll,
    shorts: &[],
    longs: &["help-all"],
    kind: Kind::Flag,
    help: Help::Common("print all options"),
    about: "Prints all options.",
};

const VERSION: Command = Command {
    wish: Wish::Version,
    shorts: &['v'],
    longs: &["version"],
    kind: Kind::Flag,
    help: Help::Common("print version and licence"),
    about: "Prints version and licence.",
};

const CONFIG_FILE: Command = Command {
    wish: Wish::ConfigFile,
    shorts: &['c'],
    longs: &["config-file"],
    kind: Kind::File("FILE"),
    help: Help::Common("read settings from this file too"),
    about: "Reads settings from this file, see flom.conf(5). They count more than those of other \
            files, and less than options. It must be there.",
};

const CHECK_CONFIG: Command = Command {
    wish: Wish::CheckConfig,
    shorts: &[],
    longs: &["check-config"],
    kind: Kind::Flag,
    help: Help::Shown("print settings and where they come from"),
    about: "Prints which configuration files there are, each setting with its value and where that \
            comes from, and everything that is wrong with them. Ends with 99 if anything is.",
};

const DOCTOR: Command = Command {
    wish: Wish::Doctor,
    shorts: &[],
    longs: &["doctor"],
    kind: Kind::Flag,
    help: Help::Shown("check what locking needs"),
    about: "Checks the configuration, certificates, the socket, the daemon, multicast and the clock, \
            with the other options as they are given, and prints a line for each check, with a hint \
            below where something is wrong. Changes nothing and starts no daemon. Ends with 0 if \
            all is well, else with 1.",
};

/// Of `flom`.
pub(crate) static OF_FLOM: [Command; 19] = [
    Command {
        wish: Wish::WaitReport,
        shorts: &[],
        longs: &["wait-report"],
        kind: Kind::Flag,
        help: Help::Shown("say why it waits; =S: after S seconds"),
        about: "Says on stderr why the lock is not there yet: what stops it, who holds it, how many \
                come before, first after one second, or after as many as follow (--wait-report=10), \
                and again when something has changed. Who gives up says who had it. On a terminal \
                it does so without being told. A daemon of FLoM 1.7.2 does not say why.",
    },
    Command {
        wish: Wish::Quiet,
        shorts: &[],
        longs: &["quiet"],
        kind: Kind::Flag,
        help: Help::Shown("never say why it waits"),
        about: "Never says why the lock is not there yet, also on a terminal.",
    },
    Command {
        wish: Wish::Status,
        shorts: &[],
        longs: &["status"],
        kind: Kind::Flag,
        help: Help::Common("show who holds what and who waits"),
        about: "Shows what the daemon keeps: resources, who holds them and since when, who waits \
                for them in which order, and what is kept although nobody uses it. With -r, of \
                that resource only. Starts no daemon, and ends with 99 if there is none, or one \
                of FLoM 1.7.2, which cannot show it.",
    },
    Command {
        wish: Wish::Why,
        shorts: &[],
        longs: &["why"],
        kind: Kind::Flag,
        help: Help::Common("say if a lock would wait, and for whom"),
        about: "Says whether the lock that -r, -l, -q and -e describe would be granted now, and \
                if not, because of whom: those who hold what is in the way, and those who came \
                before. Nothing is locked. Ends with 0 if it would be granted at once, with 98 if \
                it would wait, with 99 if it would be refused or cannot be said.",
    },
    Command {
        wish: Wish::Watch,
        shorts: &[],
        longs: &["watch"],
        kind: Kind::Flag,
        help: Help::Common("show the same, live, until q is pressed"),
        about: "Shows on a terminal what --status prints, as it is now, until q or Ctrl-C is \
                pressed. With -r, one resource only. Of long queues the first and the last are \
                shown. The arrow keys, page keys, space and b move through what does not fit.",
    },
    Command {
        wish: Wish::Metrics,
        shorts: &[],
        longs: &["metrics"],
        kind: Kind::Flag,
        help: Help::Shown("print figures for Prometheus"),
        about: "Prints figures of the daemon in the text format of Prometheus: locks granted and \
                refused, how long was waited and held, queues, connections, faults. The daemon \
                itself serves them at /metrics if it was started with --http. Ends with 99 where \
                --status does.",
    },
    Command {
        wish: Wish::Format,
        shorts: &[],
        longs: &["format"],
        kind: Kind::Choice("FORMAT", &["text", "json"]),
        help: Help::Shown("how to show it: text or json"),
        about: "How --status and --why print what they say: text (for people) or json (for \
                programs: as status.schema.json in the documentation describes, and stable).",
    },
    Command {
        wish: Wish::Quiesce,
        shorts: &['x'],
        longs: &["quiesce-exit"],
        kind: Kind::Flag,
        help: Help::Common("ask the daemon to end when idle"),
        about: "Asks the daemon to end as soon as nobody holds a lock or waits for one; it takes no \
                new requests from then on. Starts no daemon, and ends with 99 if there is none.",
    },
    Command {
        wish: Wish::Immediate,
        shorts: &['X'],
        longs: &["immediate-exit"],
        kind: Kind::Flag,
        help: Help::Shown("ask the daemon to end now"),
        about: "Asks the daemon to end at once. Whoever waits for a lock ends with 99; commands \
                that run go on without their lock.",
    },
    Command {
        wish: Wish::SignalList,
        shorts: &[],
        longs: &["signal-list"],
        kind: Kind::Flag,
        help: Help::Shown("print the names of the signals"),
        about: "Prints the signals that can be ignored, by number and name.",
    },
    Command {
        wish: Wish::UniqueId,
        shorts: &[],
        longs: &["unique-id"],
        kind: Kind::Flag,
        help: Help::Shown("print the id of this host"),
        about: "Prints the id by which this host is known: that of D-Bus and systemd.",
    },
    Command {
        wish: Wish::FenceCheck,
        shorts: &[],
        longs: &["fence-check"],
        kind: Kind::File("FILE"),
        help: Help::Shown("raise the number in FILE to N, or refuse"),
        about: "For what is written to under a lock: flom --fence-check FILE N raises the number kept \
                in FILE to N, which is the FLOM_FENCE of who writes, and ends with 0; or with 98 if \
                FILE holds a larger one already: then somebody with a later grant has been here, and \
                the writer has lost its lock. FILE is made where there is none, and replaced in one \
                step. Needs no daemon.",
    },
    Command {
        wish: Wish::DebugFeature,
        shorts: &[],
        longs: &["debug-feature"],
        kind: Kind::Choice(
            "FEATURE",
            &["ipv6.multicast.server", "ipv6.multicast.client"],
        ),
        help: Help::Shown("ipv6.multicast.server or .client"),
        about: "Tests the network instead of running a command. ipv6.multicast.server waits for a \
                datagram to the multicast group and answers it; ipv6.multicast.client, on another \
                host, sends one and waits for the answer. FLOM_TRACE_MASK=0x100000 shows each step.",
    },
    DOCTOR,
    CHECK_CONFIG,
    CONFIG_FILE,
    VERSION,
    HELP,
    HELP_ALL,
];

/// Of `flomd`.
pub(crate) static OF_FLOMD: [Command; 7] = [
    Command {
        wish: Wish::Foreground,
        shorts: &[],
        longs: &["foreground"],
        kind: Kind::Flag,
        help: Help::Shown("stay in the foreground, as it does anyway"),
        about: "Stays in the foreground, as it does if nothing is said: for those who want to say \
                so, in the unit of a service for instance.",
    },
    CONFIG_FILE,
    VERSION,
    HELP,
    HELP_ALL,
    Command {
        wish: Wish::Detach,
        shorts: &[],
        longs: &["detach"],
        kind: Kind::Flag,
        help: Help::Hidden,
        about: "",
    },
    Command {
        wish: Wish::Detached,
        shorts: &[],
        longs: &["detached"],
        kind: Kind::Flag,
        help: Help::Hidden,
        about: "",
    },
];
