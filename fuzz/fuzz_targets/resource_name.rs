//! A name may be any bytes: what is taken stays as it is, fits its kind and can be taken apart.

#![no_main]

use flom_types::{ResourceKind, ResourceName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(name) = ResourceName::parse(bytes) else {
        return;
    };
    assert_eq!(name.as_bytes(), bytes);
    assert!(bytes.starts_with(name.tree()));
    assert!(!name.to_string().contains(char::is_control));
    match name.kind() {
        ResourceKind::Hierarchical => {
            let levels: Vec<&[u8]> = name.levels().collect();
            assert_eq!([b"/", &*levels.join(&b'/')].concat(), bytes);
        }
        ResourceKind::Set => {
            let elements: Vec<&str> = name.elements().collect();
            assert!(elements.len() > 1);
            assert_eq!(elements.join(".").as_bytes(), bytes);
        }
        ResourceKind::Timestamp { .. } => assert!(!name.format().is_empty()),
        ResourceKind::Simple | ResourceKind::Numeric { .. } | ResourceKind::Sequence { .. } => {
            assert!(bytes.is_ascii());
        }
    }
});
