//! What users of the library see is ours or the standard library's: whatever it is built on can
//! change without them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whose types may be seen: the library's own, and those of the crate whose words it passes on.
const OURS: &[&str] = &["crate", "std", "flom_types", "super", "self"];

/// What the library is built on.
const FOREIGN: &[&str] = &[
    "flom_discovery",
    "flom_net",
    "flom_proto",
    "flom_settings",
    "flom_tls",
    "log",
    "nix",
    "rustix",
    "rustls",
];

#[test]
fn no_type_of_another_crate_is_in_the_interface_of_the_library() {
    let mut seen = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let foreign = foreign_names(text);
        for item in public_items(text) {
            seen += 1;
            for word in words(&item) {
                assert!(
                    !foreign.contains(word),
                    "{}: {word} is of another crate:\n{item}",
                    file.display()
                );
            }
            assert_eq!(foreign_path(&item), None, "{}:\n{item}", file.display());
        }
    }
    assert!(seen > 80, "only {seen} items were found");
}

#[test]
fn a_foreign_type_would_be_found() {
    let text = "use rustix::event::{PollFd, poll};\nuse log::debug as say;\n\
                use std::time::Duration;\n\
                pub fn a(x: PollFd, d: Duration) -> u8 {\n}\npub(crate) fn b(x: PollFd) {}\n\
                pub enum E {\n    A { x: nix::Errno },\n}\nimpl From<PollFd> for E {\n}\n";
    let foreign = foreign_names(text);
    let found: Vec<_> = public_items(text)
        .into_iter()
        .map(|item| {
            let named = words(&item).any(|word| foreign.contains(word));
            named || foreign_path(&item).is_some()
        })
        .collect();
    assert_eq!(found, [true, true, true]);
    assert!(!foreign.contains("Duration") && foreign.contains("say"));
}

/// The sources of the library, but for what is promised to nobody.
fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/flom-client/src");
    let hidden = [
        "command.rs",
        "notice.rs",
        "observe.rs",
        "shutdown.rs",
        "tests.rs",
    ];
    let files = [folder.clone(), folder.join("error")]
        .into_iter()
        .flat_map(|folder| {
            let files = fs::read_dir(folder).unwrap();
            files.map(|entry| entry.unwrap().path())
        });
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !hidden.iter().any(|name| path.ends_with(name)))
        .collect()
}

/// A path in the item that begins with the name of another crate.
fn foreign_path(item: &str) -> Option<&'static str> {
    FOREIGN
        .iter()
        .find(|krate| item.contains(&format!("{krate}::")))
        .copied()
}

/// The names that `use` brings in from other crates.
fn foreign_names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let uses = text
        .split("\nuse ")
        .skip(1)
        .chain(text.strip_prefix("use "));
    for declaration in uses {
        let declaration = declaration.split(';').next().unwrap();
        let origin = declaration.split("::").next().unwrap();
        if !OURS.contains(&origin) {
            // What is at the end of a path is brought in, not what leads to it.
            let paths = declaration.split([',', '{', '}', ' ', '\n']);
            let ends = paths.filter_map(|path| path.rsplit("::").next());
            names.extend(ends.map(str::to_string));
        }
    }
    names.retain(|name| !["", "self", "as"].contains(&name.as_str()));
    names
}

/// Signatures of public functions, whole public types, and the heads of `impl` for traits.
fn public_items(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let lines: Vec<_> = text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let begins = line.trim_start();
        let is_type = ["pub enum ", "pub struct "]
            .iter()
            .any(|w| begins.starts_with(w));
        let is_head = ["pub fn ", "pub const ", "pub trait ", "pub type "]
            .iter()
            .any(|word| begins.starts_with(word))
            || (begins.starts_with("impl") && begins.contains(" for "));
        let end = |line: &&str| match is_type {
            true => *line == "}" || line.ends_with(';'),
            false => line.trim_end().ends_with(['{', ';', '}']),
        };
        if is_type || is_head {
            let rest = &lines[start..];
            let length = rest.iter().position(end).map_or(rest.len(), |at| at + 1);
            items.push(visible(&rest[..length]));
        }
    }
    items
}

/// The item without comments, attributes, and the private fields of a struct.
fn visible(lines: &[&str]) -> String {
    let is_struct = lines[0].trim_start().starts_with("pub struct ");
    let shown = lines.iter().enumerate().filter(|(at, line)| {
        let line = line.trim_start();
        let private = is_struct && *at > 0 && !line.starts_with("pub ");
        !private && !line.starts_with(['/', '#'])
    });
    shown.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(move |letter| !is_word(letter))
        .filter(|word| !word.is_empty())
}
