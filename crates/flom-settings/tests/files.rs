//! Files with anything in them: none panics, each complaint says where, what is sound is taken.

use std::ffi::OsString;
use std::path::Path;

use flom_settings::{
    Complaint, Configuration, FileError, Given, Origin, Setting, Settings, TABLE, Unknown,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn read(text: &[u8]) -> Configuration {
    let mut configuration = Configuration::default();
    configuration.read_text(Path::new("file"), text);
    configuration
}

/// The line that a complaint is about.
fn line(complaint: &Complaint) -> Option<usize> {
    match complaint {
        Complaint::File(FileError::Syntax { place, .. })
        | Complaint::Unknown(Unknown::Group { place, .. } | Unknown::Key { place, .. }) => {
            Some(place.line)
        }
        Complaint::Value(error) => match &error.origin {
            Origin::File(place) => Some(place.line),
            _ => None,
        },
        _ => None,
    }
}

/// Whatever `text` is, each complaint names a line of it, in one line of its own.
fn is_read_soundly(text: &[u8]) -> Result<(), TestCaseError> {
    let configuration = read(text);
    let lines = text.split(|byte| *byte == b'\n').count();
    for complaint in configuration.complaints() {
        let at = line(complaint);
        prop_assert!(
            at.is_some_and(|at| (1..=lines).contains(&at)),
            "{complaint:?}"
        );
        let message = complaint.to_string();
        let place = format!("file 'file', line {}: ", at.unwrap_or_default());
        prop_assert!(message.contains(&place), "{message}");
        prop_assert!(!message.contains(char::is_control), "{message:?}");
    }
    let refused = configuration
        .complaints()
        .iter()
        .any(|complaint| matches!(complaint, Complaint::File(_)));
    if refused {
        prop_assert_eq!(configuration.settings(), &Settings::default());
    }
    Ok(())
}

/// Lines that are nearly right.
fn lines_of_files() -> impl Strategy<Value = Vec<u8>> {
    let key = select(TABLE.iter().map(|setting| setting.key).collect::<Vec<_>>());
    let group = select(
        TABLE
            .iter()
            .map(|setting| setting.group)
            .collect::<Vec<_>>(),
    );
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        select(vec![
            "yes",
            "no",
            "EX",
            "SIGTERM;2;",
            "fifo",
            "signal",
            "",
            "/tmp",
            "a\\sb",
            "\\x"
        ])
        .prop_map(str::to_string),
        ".*",
    ];
    let line = prop_oneof![
        2 => group.prop_map(|group| format!("[{group}]").into_bytes()),
        6 => (key, value).prop_map(|(key, value)| format!("{key} = {value}").into_bytes()),
        1 => "#.*".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(line, 0..20).prop_map(|lines| lines.join(&b'\n'))
}

/// `text` as the value of a key.
fn escaped(text: &str) -> String {
    let escape = |character| match character {
        ' ' => "\\s".to_string(),
        '\n' => "\\n".to_string(),
        '\t' => "\\t".to_string(),
        '\r' => "\\r".to_string(),
        '\\' => "\\\\".to_string(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

proptest! {
    #[test]
    fn no_bytes_do_harm(text in vec(any::<u8>(), 0..300)) {
        is_read_soundly(&text)?;
    }

    #[test]
    fn no_lines_do_harm(text in lines_of_files()) {
        is_read_soundly(&text)?;
    }

    #[test]
    fn a_text_in_a_file_is_the_text_of_the_option(
        text in "[^\0\u{b}\u{c}]{1,40}",
        long in select(vec!["socket-name", "unicast-address", "resource-name", "lock-mode"]),
    ) {
        let setting = Setting::by_long(long).expect("a setting");
        let file = format!("[{}]\n{}={}\n", setting.group, setting.key, escaped(&text));
        let from_file = read(file.as_bytes());
        let mut given = Given::default();
        given.add(setting, OsString::from(&text));
        let mut from_option = Configuration::default();
        from_option.apply(&given);
        prop_assert_eq!(from_file.settings(), from_option.settings());
        prop_assert_eq!(from_file.complaints().len(), from_option.complaints().len());
    }
}
