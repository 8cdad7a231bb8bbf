//! The door of a daemon: who gets in, who is kept out, and what is never touched.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use flom_net::{DoorError, UnixDoor, connect_unix};
use flom_types::ReturnCode;
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo, setfsuid};
use socket2::SockRef;

/// A directory that anybody may use, as `/tmp`; gone when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flom-door-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o1777)).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn open(path: &Path) -> Result<UnixDoor, DoorError> {
    UnixDoor::open(path, 100)
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

fn assert_is_served(path: &Path, door: &UnixDoor) {
    let mut client = connect_unix(path).unwrap();
    let (mut accepted, _) = door.listener().accept().unwrap();
    client.write_all(b"x").unwrap();
    accepted.read_exact(&mut [0]).unwrap();
}

fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))
        .unwrap();
    u32::from_str_radix(umask.trim(), 8).unwrap()
}

#[test]
fn a_door_is_open_to_all_that_the_umask_lets_in() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let door = open(&path).unwrap();
    assert!(SockRef::from(door.listener()).nonblocking().unwrap());
    assert_is_served(&path, &door);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o777 & !umask());
    assert_eq!(mode(&directory.join("socket.lock")), 0o666 & !umask());
}

#[test]
fn a_second_daemon_is_kept_out_until_the_first_is_gone() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, DoorError::Busy { path: busy } if *busy == path),
        "{error}"
    );
    assert_is_served(&path, &first);

    first.close();
    assert!(!path.exists());
    assert!(directory.join("socket.lock").exists());
    assert_is_served(&path, &open(&path).unwrap());
}

#[test]
fn the_socket_of_a_daemon_that_crashed_is_replaced() {
    let directory = Directory::new();
    let path = directory.join("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(is_socket(&path));
    assert_is_served(&path, &open(&path).unwrap());
}

#[test]
fn a_socket_that_somebody_listens_on_is_not_replaced_even_without_a_lock() {
    let directory = Directory::new();
    let path = directory.join("socket");
    // As a daemon of FLoM 1.7.2 whose lock file was cleaned up with the rest of /tmp.
    let other = UnixListener::bind(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, DoorError::Busy { .. }), "{error}");
    other.accept().unwrap(); // who asked whether somebody listens
    assert!(is_socket(&path));
}

#[test]
fn a_socket_with_a_full_queue_is_not_replaced() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let other = UnixListener::bind(&path).unwrap();
    SockRef::from(&other).listen(0).unwrap();
    let _queued = connect_unix(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, DoorError::Busy { .. }), "{error}");
}

#[test]
fn the_socket_of_another_kind_of_program_stays() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let _other = UnixDatagram::bind(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, DoorError::Leftover { .. }), "{error}");
    assert_eq!(error.code(), ReturnCode::UNLINK);
    assert!(is_socket(&path));
}

#[test]
fn what_is_no_socket_stays_and_the_error_says_what_and_whose_it_is() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let target = directory.join("target");
    let owner = nix::unistd::User::from_uid(Uid::effective())
        .unwrap()
        .unwrap()
        .name;
    let assert_stays = |what: &str| {
        let before = fs::symlink_metadata(&path).unwrap().file_type();
        let error = open(&path).unwrap_err();
        let expected = format!(
            "{} is {what} of {owner}, not a socket: it stays",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.code(), ReturnCode::UNLINK);
        assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), before);
    };

    fs::write(&path, "of value").unwrap();
    assert_stays("a regular file");
    assert_eq!(fs::read(&path).unwrap(), b"of value");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert_stays("a directory");
    fs::remove_dir(&path).unwrap();

    drop(UnixListener::bind(&target).unwrap());
    symlink(&target, &path).unwrap();
    assert_stays("a symbolic link");
    assert!(is_socket(&target));
}

#[test]
fn a_lock_file_that_cannot_be_opened_is_named() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let lock = directory.join("socket.lock");
    fs::create_dir(&lock).unwrap();
    assert_lock_is_refused(&path, &lock);
    fs::remove_dir(&lock).unwrap();

    mkfifo(&lock, Mode::S_IRWXU).unwrap();
    assert_lock_is_refused(&path, &lock);
    fs::remove_file(&lock).unwrap();

    symlink(directory.join("elsewhere"), &lock).unwrap();
    assert_lock_is_refused(&path, &lock);
    assert!(!directory.join("elsewhere").exists());

    let nowhere = directory.join("missing/socket");
    assert_lock_is_refused(&nowhere, &directory.join("missing/socket.lock"));
}

fn assert_lock_is_refused(path: &Path, lock: &Path) {
    let error = open(path).unwrap_err();
    let expected = format!("cannot open lock file {}", lock.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(error.code(), ReturnCode::OPEN);
    assert!(!path.exists());
}

#[test]
fn a_path_that_does_not_fit_is_refused() {
    let directory = Directory::new();
    let fill = |length: usize| {
        let base = directory.join("").into_os_string().len();
        directory.join(&"s".repeat(length - base))
    };
    open(&fill(107)).unwrap();
    let error = open(&fill(108)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is 108 bytes long, 107 are possible"),
        "{error}"
    );
    assert_eq!(error.code(), ReturnCode::BUFFER_OVERFLOW);
    assert!(!fill(108).exists());
}

#[test]
fn a_name_outside_of_the_file_system_is_refused() {
    for path in ["", "\0flom"] {
        let error = open(Path::new(path)).unwrap_err();
        assert_eq!(error.code(), ReturnCode::BIND, "{error}");
        assert!(!Path::new(".lock").exists());
    }
}

#[test]
fn a_socket_that_has_taken_our_name_stays() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let door = open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    door.close();
    assert!(is_socket(&path));
    drop(other);
}

#[test]
fn a_hidden_door_lets_in_who_came_before_and_keeps_out_the_next_daemon() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let door = open(&path).unwrap();
    let _client = connect_unix(&path).unwrap();
    door.hide().unwrap();
    assert_eq!(connect_unix(&path).unwrap_err().kind(), ErrorKind::NotFound);
    door.listener().accept().unwrap();
    assert!(matches!(open(&path).unwrap_err(), DoorError::Busy { .. }));
    door.hide().unwrap(); // nothing left to do
    door.close();
    open(&path).unwrap();
}

#[test]
fn a_hidden_door_can_be_shown_again() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let mut door = open(&path).unwrap();
    door.hide().unwrap();
    door.show(16).unwrap();
    let _client = connect_unix(&path).unwrap();
    door.listener().accept().unwrap();
    assert!(matches!(open(&path).unwrap_err(), DoorError::Busy { .. }));
    door.close();
    assert!(!path.exists());
}

/// Does `work` as a user without rights, if this process may. Linux keeps this for each thread.
fn as_nobody(work: impl FnOnce() + Send) {
    if !Uid::effective().is_root() {
        eprintln!("NOT TESTED: files of another user need root");
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "not tested in CI"
        );
        return;
    }
    let nobody = || {
        setfsuid(Uid::from_raw(65534));
        work();
    };
    thread::scope(|scope| scope.spawn(nobody).join().expect("work as nobody failed"));
}

#[test]
fn a_socket_of_another_user_that_cannot_be_removed_is_named_with_its_owner() {
    let directory = Directory::new();
    let path = directory.join("socket");
    drop(UnixListener::bind(&path).unwrap());
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    as_nobody(|| {
        let error = open(&path).unwrap_err();
        let expected = format!("cannot remove socket {} of root", path.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.code(), ReturnCode::UNLINK);
    });
    assert!(is_socket(&path));
}

#[test]
fn a_lock_file_of_another_user_serves_as_well() {
    let directory = Directory::new();
    let path = directory.join("socket");
    open(&path).unwrap().close();
    for mode in [0o666, 0o644] {
        fs::set_permissions(directory.join("socket.lock"), Permissions::from_mode(mode)).unwrap();
        as_nobody(|| open(&path).unwrap().close());
    }
}

#[test]
fn a_secret_lock_file_of_another_user_is_named_with_its_owner() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let lock = directory.join("socket.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o600)).unwrap();
    as_nobody(|| {
        let error = open(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot open lock file {} of root", lock.display())
        );
        assert_eq!(error.code(), ReturnCode::OPEN);
    });
}

#[test]
fn whoever_sweeps_the_files_away_makes_no_room_for_a_second_daemon() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let lock = directory.join("socket.lock");
    let mut door = open(&path).unwrap();
    for swept in [&[&path, &lock][..], &[&path], &[&lock]] {
        swept.iter().for_each(|file| fs::remove_file(file).unwrap());
        let error = open(&path).unwrap_err();
        assert!(
            matches!(error, DoorError::Busy { .. }),
            "{swept:?}: {error}"
        );
        // It has left word that something is missing.
        door.claim().unwrap().accept().unwrap();
        assert_eq!(door.restore(100).unwrap(), swept.contains(&&path));
        assert_is_served(&path, &door);
        assert!(lock.is_file());
    }
    door.close();
    open(&path).unwrap().close();
}

#[test]
fn a_lock_that_a_daemon_of_another_program_has_taken_meanwhile_is_left_to_it() {
    let directory = Directory::new();
    let path = directory.join("socket");
    let lock = directory.join("socket.lock");
    let mut door = open(&path).unwrap();
    fs::remove_file(&lock).unwrap();
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    assert!(matches!(door.restore(100), Err(DoorError::Busy { .. })));
    drop(other);
    assert!(!door.restore(100).unwrap());
}

#[test]
fn nothing_is_put_beside_what_is_no_socket() {
    let directory = Directory::new();
    let path = directory.join("precious");
    fs::write(&path, "data").unwrap();
    assert!(matches!(open(&path), Err(DoorError::NoSocket { .. })));
    assert!(!directory.join("precious.lock").exists());
}
