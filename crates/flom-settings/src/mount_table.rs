//! Whether a directory cannot be looked into because a daemon shows there what it keeps.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a daemon has mounted its file system at `path`. If it was killed, or is that of another
/// user, nobody can look there.
pub(crate) fn is_shown_by_flom(path: &Path) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    names(&table, path)
}

/// Whether a line of `table` has the path as its fifth word, and the kind of file system of a
/// daemon.
fn names(table: &[u8], path: &Path) -> bool {
    let escaped = escaped(path);
    let mut lines = table.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        words.nth(4) == Some(&escaped) && words.any(|word| word == b"fuse.flom")
    })
}

/// As the table writes a path.
fn escaped(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes().iter();
    let escape = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        _ => vec![*byte],
    };
    bytes.flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_of_a_daemon_is_known_by_path_and_kind() {
        let table = b"\
            30 26 0:50 / /mnt/a\\040b ro,nodev shared:7 - fuse.flom flom ro\n\
            31 26 0:51 / /mnt/other ro - fuse.sshfs flom ro\n\
            32 26 0:52 / /mnt ro - tmpfs /mnt/c ro\n";
        assert!(names(table, Path::new("/mnt/a b")));
        for path in ["/mnt/a", "/mnt/other", "/mnt", "/mnt/c"] {
            assert!(!names(table, Path::new(path)), "{path}");
        }
        assert!(!is_shown_by_flom(Path::new("/proc")));
    }
}
