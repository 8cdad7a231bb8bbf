//! A configuration file may hold any bytes: each complaint is one line and names its place, and a
//! file that is refused changes nothing.

#![no_main]

use std::path::Path;

use flom_settings::{Complaint, Configuration, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut configuration = Configuration::default();
    configuration.read_text(Path::new("file"), bytes);
    for complaint in configuration.complaints() {
        let message = complaint.to_string();
        assert!(message.contains("file 'file', line "), "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let is_refusal = |complaint: &Complaint| matches!(complaint, Complaint::File(_));
    if configuration.complaints().iter().any(is_refusal) {
        assert_eq!(configuration.settings(), &Settings::default());
    }
});
