//! A daemon that a command starts because there is none.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process;

use rustix::process::Signal;

use crate::harness::{
    Daemon, Program, Scratch, Started, flom, group_session_terminal, hosts, loopback, privilege,
    send, wait_until,
};

/// A command line that starts a daemon at this socket.
fn at(socket: &Path) -> [&str; 4] {
    ["-s", socket.to_str().unwrap(), "-d", "60000"]
}

#[test]
fn the_daemon_keeps_no_state_with_the_service_that_it_is_started_in() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let _started = Started::with(socket.to_str().unwrap());
    let (service, own) = (scratch.file("service"), scratch.file("own"));
    let words = at(&socket).into_iter().chain(["--", "true"]);
    flom(words)
        .env("STATE_DIRECTORY", service.to_str().unwrap())
        .env("XDG_STATE_HOME", own.to_str().unwrap())
        .run()
        .expect(0, "", "");
    assert!(own.join("flom/fences").exists() && !service.exists());
}

#[test]
fn the_daemon_is_a_process_of_its_own() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    // What is left open here would stay open for ever; the directory could not be removed.
    let script =
        "umask 077; exec 9>\"$2\" 70>\"$2\"; exec \"$FLOM\" -s \"$1\" -d 60000 -- echo ran";
    let words = ["-c", script, "bash"];
    let files = [socket.to_str().unwrap(), "left-open"];
    let program = Program::new("bash")
        .args(words)
        .args(files)
        .directory(scratch.path());
    program.run().expect(0, "ran\n", "");

    let daemon = started.the_daemon();
    assert_eq!(daemon.name, "flomd");
    assert_eq!(daemon.parent, 1);
    assert_eq!(fs::read_link(daemon.file("cwd")).unwrap(), Path::new("/"));
    let status = fs::read_to_string(daemon.file("status")).unwrap();
    assert!(status.contains("\nUmask:\t0000\n"), "{status}");
    send(daemon.pid, Signal::HUP);
    flom(at(&socket))
        .args(["--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
    assert_eq!(started.the_daemon().pid, daemon.pid);

    let [group, session, terminal] = group_session_terminal(daemon.pid);
    assert_eq!(group, session);
    assert_ne!(session, daemon.pid, "it could acquire a terminal");
    let own_pid = i32::try_from(process::id()).unwrap();
    let [_, own_session, _] = group_session_terminal(own_pid);
    assert_ne!(session, own_session);
    assert_eq!(terminal, 0);

    for number in ["0", "1", "2"] {
        let stream = fs::read_link(daemon.file("fd").join(number)).unwrap();
        assert_eq!(stream, Path::new("/dev/null"), "{number}");
    }
    for entry in fs::read_dir(daemon.file("fd")).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap();
        assert!(!target.ends_with("left-open"));
    }
}

#[test]
fn the_socket_is_for_everybody_and_the_lock_file_stays() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    flom(at(&socket))
        .args(["--", "true"])
        .run()
        .expect(0, "", "");
    started.the_daemon();
    let found = fs::metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o777);
    let lock = fs::metadata(scratch.file("socket.lock")).unwrap();
    assert_eq!((lock.permissions().mode() & 0o7777, lock.len()), (0o666, 0));
    flom(at(&socket)).args(["-x"]).run().expect_code(0);
    wait_until("the end of the daemon", || started.daemons().is_empty());
    assert!(!socket.exists());
    assert!(scratch.file("socket.lock").exists());
}

#[test]
fn it_is_used_by_the_next_command_and_its_attributes_do_not_change() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    flom(at(&socket))
        .args(["--", "true"])
        .run()
        .expect(0, "", "");
    let daemon = started.the_daemon();
    let words = ["-s", socket.to_str().unwrap(), "-d", "-1", "--", "true"];
    flom(words).run().expect(0, "", "");
    let again = started.the_daemon();
    assert_eq!((daemon.pid, daemon.words), (again.pid, again.words));
}

#[test]
fn a_relative_path_is_meant_from_the_directory_of_the_command() {
    let scratch = Scratch::new();
    let started = Started::with(scratch.path().to_str().unwrap());
    let words = ["-s", "socket", "-d", "60000", "--", "true"];
    flom(words)
        .directory(scratch.path())
        .run()
        .expect(0, "", "");
    started.the_daemon();
    assert!(scratch.file("socket").exists());
}

#[test]
fn a_socket_that_nobody_listens_at_is_replaced() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    drop(UnixListener::bind(&socket).unwrap());
    let started = Started::with(socket.to_str().unwrap());
    flom(at(&socket))
        .args(["--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
    started.the_daemon();
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let scratch = Scratch::new();
    for name in ["file", "directory"] {
        let path = scratch.file(name);
        let started = Started::with(path.to_str().unwrap());
        match name {
            "file" => fs::write(&path, "precious").unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        let ended = flom(at(&path)).args(["--", "echo", "no"]).run();
        let line = "flom_client_connect: ret_cod=-141 (ERROR: 'unlink' function returned an \
                    error condition)\n";
        assert!(ended.stderr.starts_with(line), "{ended:?}");
        assert!(ended.stderr.contains(path.to_str().unwrap()), "{ended:?}");
        assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}");
        wait_until("the end of who failed", || started.daemons().is_empty());
        assert!(path.exists());
    }
    assert_eq!(
        fs::read_to_string(scratch.file("file")).unwrap(),
        "precious"
    );
}

#[test]
fn the_reason_of_a_failed_start_is_told() {
    let scratch = Scratch::new();
    let path = scratch.file("no/such/directory/socket");
    let ended = flom(at(&path)).args(["--", "echo", "no"]).run();
    let line = "flom_client_connect: ret_cod=-120 (ERROR: 'open' function returned an error \
                condition)\n";
    assert!(ended.stderr.starts_with(line), "{ended:?}");
    assert!(ended.stderr.contains("socket.lock"), "{ended:?}");
    assert!(
        ended.stderr.contains("No such file or directory"),
        "{ended:?}"
    );
    assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}");
}

#[test]
fn the_default_socket_is_that_of_the_user_and_the_daemon_is_the_one_beside_flom() {
    // Somebody else's daemon would be in the way, and ours in theirs: in a /tmp of its own.
    let script = "mount -t tmpfs none /mnt && cp \"$FLOM\" \"$FLOMD\" /mnt && unset FLOMD && \
                  mount -t tmpfs none /tmp && PATH=/mnt:$PATH && \
                  flom -d 60000 -- ls /tmp && pgrep -x flomd | wc -l && flom -x";
    if !privilege() {
        return;
    }
    let unshare = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let program = Program::new("unshare")
        .args(unshare)
        .args(["sh", "-c", script]);
    let listing = "flom-root\nflom-root.lock\n1\nStarting FLoM daemon quiesce shutdown...\n";
    program
        .directory(Path::new("/"))
        .run()
        .expect(0, listing, "");
}

#[test]
fn over_tcp_the_daemon_listens_where_the_command_looked() {
    let address = loopback().to_string();
    let started = Started::with(&address);
    let words = [
        "-a", &address, "-p", "4444", "-d", "60000", "--", "echo", "ran",
    ];
    flom(words).run().expect(0, "ran\n", "");
    let daemon = started.the_daemon();
    flom(["-a", &address, "-p", "4444", "-d", "0", "--", "true"])
        .run()
        .expect(0, "", "");
    flom(["-a", &address, "-d", "0", "--", "true"])
        .run()
        .expect_code(99);
    assert_eq!(started.the_daemon().pid, daemon.pid);
}

#[test]
fn a_daemon_cannot_start_on_the_address_of_another_host() {
    // An address for documentation: nobody has it. Nor is there a way to it, in most places.
    let started = Started::with("192.0.2.77");
    let ended = hosts().map(|[host]| {
        let words = ["-a", "192.0.2.77", "-d", "60000", "--", "echo", "no"];
        host.flom(words).run()
    });
    let Some(ended) = ended else { return };
    let line = "flom_client_connect: ret_cod=-2 (ERROR: flom command was not able to start a new \
                daemon and/or connect to it)\n";
    assert!(ended.stderr.starts_with(line), "{ended:?}");
    assert!(ended.stderr.contains("192.0.2.77"), "{ended:?}");
    assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}");
    wait_until("the end of who failed", || started.daemons().is_empty());
}

#[test]
fn a_port_that_something_else_has_is_no_daemon() {
    let address = loopback();
    let started = Started::with(address.to_string());
    let other = TcpListener::bind((address, 28015)).unwrap();
    let goodbye = std::thread::spawn(move || {
        // Twice: a connection that ends before any answer is tried once more.
        for _ in 0..2 {
            drop(other.accept().unwrap());
        }
    });
    let ended = flom([
        "-a",
        &address.to_string(),
        "-d",
        "60000",
        "--",
        "echo",
        "no",
    ])
    .run();
    wait_until("a second try", || goodbye.is_finished());
    assert!(
        ended.stderr.starts_with("flom_client_lock: ret_cod=-126 ("),
        "{ended:?}"
    );
    assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}");
    assert!(started.daemons().is_empty());
}

#[test]
fn a_socket_that_we_may_not_use_is_named() {
    if !privilege() {
        return;
    }
    let daemon = Daemon::start();
    let closed = daemon.scratch().file("closed");
    fs::create_dir(&closed).unwrap();
    fs::rename(daemon.socket(), closed.join("socket")).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let copy = daemon.scratch().file("flom");
    fs::copy(env!("CARGO_BIN_EXE_flom"), &copy).unwrap();
    let path = closed.join("socket");
    let words = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        copy.to_str().unwrap(),
    ];
    let flom = Program::new("setpriv")
        .args(words)
        .args(at(&path))
        .args(["--", "echo", "no"]);
    let ended = flom.run();
    assert!(
        ended
            .stderr
            .starts_with("flom_client_connect: ret_cod=-105 ("),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("Permission denied"), "{ended:?}");
    assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}");
}

#[test]
fn without_a_daemon_program_the_message_says_where_it_is_looked_for() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let flom = flom(at(&socket))
        .args(["--", "echo", "no"])
        .env("FLOMD", "/no/such/flomd");
    let ended = flom.run().expect_code(99);
    assert!(ended.stderr.contains("/no/such/flomd"), "{ended:?}");
    assert!(ended.stderr.contains("set FLOMD"), "{ended:?}");
}
