//! Checks the code base: who may know whom, what every file owes its reader, what stays out.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// An arrow only ever goes to a lower layer.
const LAYERS: &[&[&str]] = &[
    &["flom-start", "flom-types"],
    &["flom-settings", "flom-proto", "flom-core", "flom-net"],
    &["flom-discovery", "flom-status", "flom-tls", "flom-cli"],
    &["flom-client", "flom-daemon"],
    &["flom-run", "flom-sim", "flom-testkit", "flom-vfs"],
    &["flom"],
];

/// What a crate of layer 2 or above may know; below, only layer 0.
const KNOWS: &[(&str, &[&str])] = &[
    ("flom-discovery", &["flom-types", "flom-proto"]),
    ("flom-status", &["flom-types", "flom-core"]),
    ("flom-tls", &["flom-types", "flom-net"]),
    ("flom-cli", &["flom-types", "flom-settings"]),
    (
        "flom-client",
        &[
            "flom-types",
            "flom-settings",
            "flom-proto",
            "flom-discovery",
            "flom-net",
            "flom-tls",
        ],
    ),
    (
        "flom-daemon",
        &[
            "flom-start",
            "flom-types",
            "flom-settings",
            "flom-proto",
            "flom-discovery",
            "flom-core",
            "flom-status",
            "flom-net",
            "flom-tls",
        ],
    ),
    (
        "flom-run",
        &["flom-start", "flom-types", "flom-settings", "flom-client"],
    ),
    ("flom-vfs", &["flom-types", "flom-core", "flom-status"]),
];

/// Crates that have one home each.
const HOMES: &[(&str, &[&str])] = &[
    ("mio", &["flom-daemon", "flom-run"]),
    ("libc", &["flom-start"]),
    ("socket2", &["flom-net"]),
    ("lexopt", &["flom-cli"]),
    ("env_logger", &["flom-cli"]),
    ("quick-xml", &["flom-proto"]),
    ("rustls", &["flom-tls"]),
    ("x509-cert", &["flom-tls"]),
    ("httparse", &["flom-daemon"]),
    ("unicode-width", &["flom"]),
    ("fuser", &["flom-vfs"]),
];

const LINES_AT_MOST: usize = 500;

#[test]
fn arrows_between_crates_go_to_lower_layers_only() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    for (name, manifest) in manifests() {
        let own = layer(&name).unwrap_or_else(|| panic!("{name} has no layer in tests/tidy.rs"));
        for known in dependencies(&manifest)
            .into_iter()
            .filter(|known| known.starts_with("flom-"))
        {
            let theirs = layer(&known).unwrap_or_else(|| panic!("{known} has no layer"));
            assert!(
                theirs < own,
                "{name} (layer {own}) knows {known} (layer {theirs})"
            );
            let allowed = KNOWS
                .iter()
                .find(|(who, _)| *who == name)
                .map(|(_, knows)| *knows);
            let allowed = allowed.unwrap_or(if own == 1 { LAYERS[0] } else { &[] });
            let free = own >= 4 && !["flom-run", "flom-vfs"].contains(&&*name);
            assert!(
                free || allowed.contains(&known.as_str()),
                "{name} must not know {known}"
            );
        }
    }
}

#[test]
fn each_outside_crate_stays_in_its_home() {
    for (name, manifest) in manifests() {
        for known in dependencies(&manifest) {
            if let Some((_, homes)) = HOMES.iter().find(|(krate, _)| *krate == known) {
                assert!(homes.contains(&name.as_str()), "{known} is not for {name}");
            }
        }
    }
}

#[test]
fn the_command_and_the_daemon_do_not_know_each_other() {
    for (program, foreign) in [
        ("flom", "flom_daemon"),
        ("flomd", "flom_run"),
        ("flomd", "flom_client"),
    ] {
        for file in sources(&root().join("bins").join(program)) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(
                !text.contains(foreign),
                "{} knows {foreign}",
                file.display()
            );
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    for file in all_sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} begins without //!",
            file.display()
        );
        let lines = text.lines().count();
        assert!(
            lines <= LINES_AT_MOST,
            "{} has {lines} lines",
            file.display()
        );
    }
}

#[test]
fn nothing_unfinished_is_left() {
    // In pieces, so that this file does not find itself.
    let words = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let notes = ["TO", "FIX", "X"]
        .into_iter()
        .zip(["DO", "ME", "XX"])
        .map(|(a, b)| format!("{a}{b}"));
    let words: Vec<String> = words
        .into_iter()
        .chain(notes)
        .chain([format!("#[{}", "ignore")])
        .collect();
    for file in all_sources() {
        let text = fs::read_to_string(&file).unwrap();
        for word in &words {
            assert!(
                !text.contains(word.as_str()),
                "{} has {word}",
                file.display()
            );
        }
    }
}

#[test]
fn every_crate_forbids_unsafe_code_but_one_that_gives_reasons() {
    let libraries = manifests().into_keys().filter(|name| name != "flom");
    let libraries = libraries.map(|name| root().join("crates").join(name).join("src/lib.rs"));
    let programs = ["flom", "flomd"].map(|name| root().join("bins").join(name).join("src/main.rs"));
    for file in libraries.chain(programs) {
        let text = fs::read_to_string(&file).unwrap();
        let rule = if file.ends_with("flom-start/src/lib.rs") {
            "#![deny(clippy::undocumented_unsafe_blocks"
        } else {
            "#![forbid(unsafe_code)]"
        };
        assert!(text.contains(rule), "{}", file.display());
    }
}

#[test]
fn every_option_is_in_the_readme_or_the_help() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_flom"))
        .arg("--help-all")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for setting in &flom_settings::TABLE {
        let long = format!("--{}", setting.long);
        let listed = help.lines().any(|line| line.contains(&long));
        assert!(
            listed || long == "--",
            "{} is not in flom --help",
            setting.key
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Name and manifest of each crate.
fn manifests() -> BTreeMap<String, String> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let files = crates.map(|entry| entry.unwrap().path().join("Cargo.toml"));
    files
        .chain([root().join("Cargo.toml")])
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let package = text.split_once("[package]").expect("a package").1;
            let name = package.split('"').nth(1).expect("a name").to_owned();
            (name, text)
        })
        .collect()
}

/// What `[dependencies]` names.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some(name) = line.split(['.', ' ', '=']).next() {
            names.push(name.to_owned());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn all_sources() -> Vec<PathBuf> {
    [
        "benches",
        "bins",
        "crates",
        "examples",
        "tests",
        "fuzz/fuzz_targets",
    ]
    .into_iter()
    .flat_map(|folder| sources(&root().join(folder)))
    .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
