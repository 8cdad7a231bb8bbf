//! One daemon for several users: who may end it, and whose files are in the way.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::harness::{Program, Shared, privilege, wait_until};

const NOBODY: u32 = 65534;
const OTHER: u32 = 65533;

#[test]
fn only_the_user_of_a_daemon_and_root_may_end_it() {
    if !privilege() {
        return;
    }
    let cases = [
        (0, 0, Ok(())),
        (0, NOBODY, Err("only root may end it")),
        (NOBODY, NOBODY, Ok(())),
        (NOBODY, 0, Ok(())),
        (NOBODY, OTHER, Err("only uid 65534 and root may end it")),
    ];
    for (owner, user, expected) in cases {
        let shared = Shared::new();
        let mut daemon = shared.program(owner, "flomd", &[]).spawn();
        shared.wait_for_daemon();
        for (option, how) in [("-x", "quiesce"), ("-X", "immediate")] {
            let line = format!("Starting FLoM daemon {how} shutdown...\n");
            match expected {
                Ok(()) => {
                    shared.flom(user, &[option]).expect(0, &line, "");
                    break; // it is gone
                }
                Err(reason) => {
                    let socket = shared.socket();
                    let socket = socket.display();
                    let refusal = format!("flom: the daemon at {socket} refuses: {reason}\n");
                    shared.flom(user, &[option]).expect(99, &line, &refusal);
                    shared.flom(user, &["--", "true"]).expect(0, "", ""); // locking is for all
                    assert!(daemon.is_running());
                }
            }
        }
        if expected.is_ok() {
            wait_until("the end of the daemon", || !daemon.is_running());
        }
    }
}

#[test]
fn what_another_user_has_left_is_named_with_its_owner() {
    if !privilege() {
        return;
    }
    let shared = Shared::new();
    drop(UnixListener::bind(shared.socket()).unwrap()); // of root, and nobody listens
    fs::set_permissions(shared.socket(), Permissions::from_mode(0o777)).unwrap();
    let ended = shared.flom(NOBODY, &["--", "echo", "no"]).expect_code(99);
    let reason = format!(
        "cannot remove socket {} of root: ",
        shared.socket().display()
    );
    assert!(ended.stderr.contains(&reason), "{ended:?}");
    assert!(shared.socket().exists());

    fs::remove_file(shared.socket()).unwrap();
    let lock = shared.0.file("socket.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o600)).unwrap();
    let chown = Program::new("chown").args(["0:0", lock.to_str().unwrap()]);
    chown.run().expect_code(0); // it may be nobody's, who was here first
    let ended = shared.flom(NOBODY, &["--", "echo", "no"]).expect_code(99);
    let reason = format!("cannot open lock file {} of root: ", lock.display());
    assert!(ended.stderr.contains(&reason), "{ended:?}");
}
