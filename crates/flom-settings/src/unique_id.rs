//! By which id a host is known: 32 hexadecimal digits (`spec/tls.md` §5).

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Where the machine id is kept; the first sound one counts.
const MACHINE_ID: [&str; 2] = ["/var/lib/dbus/machine-id", "/etc/machine-id"];

/// An id that the kernel makes up at boot; the same for every process of the host.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

const DIGITS: usize = 32;

/// The host has no machine id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this host has no machine id: neither {} nor {} holds {DIGITS} hexadecimal digits",
    MACHINE_ID[0],
    MACHINE_ID[1]
)]
pub struct UniqueIdError;

/// The machine id of this host, as `--unique-id` prints it and certificates name it.
///
/// # Errors
///
/// [`UniqueIdError`] if there is none.
pub fn unique_id() -> Result<String, UniqueIdError> {
    first_id(&MACHINE_ID).ok_or(UniqueIdError)
}

/// The id to tell a peer: the machine id, else one for the time until the next boot, else a random
/// one.
pub fn peer_id() -> String {
    first_id(&MACHINE_ID)
        .or_else(|| first_id(&[BOOT_ID]))
        .unwrap_or_else(random_id)
}

fn first_id(paths: &[&str]) -> Option<String> {
    paths
        .iter()
        .find_map(|path| id_of(&fs::read_to_string(path).ok()?))
}

/// The id in `text`: lower case, without the dashes of a boot id.
fn id_of(text: &str) -> Option<String> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let id = line.replace('-', "").to_ascii_lowercase();
    let sound = id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then_some(id)
}

/// Randomness from the hasher of the standard library: the id tells hosts apart and protects
/// nothing.
fn random_id() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn an_id_is_32_digits_with_or_without_end_of_line() {
        assert_eq!(id_of(ID), Some(ID.to_string()));
        assert_eq!(id_of(&format!("{ID}\n")), Some(ID.to_string()));
        assert_eq!(id_of(&ID.to_uppercase()), Some(ID.to_string()));
        assert_eq!(
            id_of("01234567-89ab-cdef-0123-456789abcdef\n"),
            Some(ID.to_string())
        );
    }

    #[test]
    fn anything_else_is_no_id() {
        let texts = [
            "",
            "\n",
            &ID[1..],
            &format!("{ID}0"),
            &format!("{}x", &ID[1..]),
        ];
        for text in texts {
            assert_eq!(id_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_first_sound_file_counts() {
        let directory = std::env::temp_dir().join(format!("flom-unique-id-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_string()
        };
        let (empty, sound) = (file("empty", ""), file("sound", ID));
        assert_eq!(
            first_id(&["/does/not/exist", &empty, &sound]),
            Some(ID.to_string())
        );
        assert_eq!(first_id(&["/does/not/exist", &empty]), None);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_peer_id_is_always_to_be_had() {
        for id in [peer_id(), random_id()] {
            assert_eq!(id_of(&id), Some(id));
        }
        assert_ne!(random_id(), random_id());
    }
}
