//! What holding a lock, letting go of it and losing it look like from both ends.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use flom_net::Stream;
use flom_types::ReturnCode;

use super::*;
use crate::line::READABLE;

const AMPLE: Duration = Duration::from_secs(60);

fn held() -> (Guard, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (holding("A", Stream::Unix(ours)), theirs)
}

fn holding(name: &str, stream: Stream) -> Guard {
    let ask = Ask::new(ResourceName::parse(name.as_bytes()).unwrap());
    let line = Line::new(stream, "test".to_string()).unwrap();
    Guard::new(line, ask, Word::default(), process::id(), AMPLE)
}

#[test]
fn a_release_says_so_hangs_up_and_waits_for_the_daemon_to_do_the_same() {
    for (rollback, word) in [(false, "rollback=\"0\""), (true, "rollback=\"1\"")] {
        let (guard, mut theirs) = held();
        let daemon = thread::spawn(move || {
            let mut heard = String::new();
            theirs.read_to_string(&mut heard).unwrap();
            heard
        });
        match rollback {
            true => {
                let code = guard.rollback().unwrap_err().code();
                assert_eq!(code, ReturnCode::NOT_TRANSACTIONAL);
            }
            false => guard.unlock().unwrap(),
        }
        let heard = daemon.join().unwrap();
        assert!(heard.contains("verb=\"2\" step=\"8\""), "{heard}");
        assert!(heard.contains(word), "{heard}");
    }
}

#[test]
fn only_a_daemon_that_understands_it_is_told_how_the_holder_ended() {
    for (is_extended, ended, word) in [
        (true, Previous::Failed(3), Some(" ended=\"failed:3\"")),
        (true, Previous::Lost, Some(" ended=\"lost\"")),
        (true, Previous::Released, None), // which is what nothing means
        (false, Previous::Failed(3), None),
    ] {
        let (mut guard, mut theirs) = held();
        guard.word.is_extended = is_extended;
        let daemon = thread::spawn(move || {
            let mut heard = String::new();
            theirs.read_to_string(&mut heard).unwrap();
            heard
        });
        guard.release(false, ended).unwrap();
        let heard = daemon.join().unwrap();
        assert!(heard.contains("verb=\"2\""), "{heard}");
        assert_eq!(heard.contains("ended"), word.is_some(), "{heard}");
        assert!(heard.contains(word.unwrap_or_default()), "{heard}");
    }
}

#[test]
fn a_daemon_that_does_not_confirm_is_not_waited_for_for_ever() {
    let (mut guard, _theirs) = held();
    guard.release_limit = Duration::from_millis(20);
    let error = guard.unlock();
    assert!(matches!(error, Err(ReleaseError::NoConfirmation { .. })));
}

#[test]
fn a_lock_that_is_lost_says_so() {
    let (guard, theirs) = held();
    guard.check().unwrap();
    drop(theirs);
    assert_eq!(guard.check().unwrap_err().code(), ReturnCode::SEND);
    assert!(matches!(guard.unlock(), Err(ReleaseError::Lost(_))));
}

#[test]
fn a_loss_shows_also_where_the_system_would_still_take_the_unlock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    let guard = holding("A", Stream::Tcp(ours));
    drop(theirs);
    let until = Instant::now() + AMPLE;
    assert!(guard.line.wait(READABLE, until).unwrap());
    assert!(matches!(guard.unlock(), Err(ReleaseError::Lost(_))));
}

#[test]
fn what_a_daemon_says_to_a_holder_is_no_loss() {
    let (guard, mut theirs) = held();
    std::io::Write::write_all(&mut theirs, b"anything").unwrap();
    guard.check().unwrap();
}

/// What the daemon hears when a guard on `name` goes as `end` has it.
fn heard_after(name: &str, on_drop: OnDrop, end: impl FnOnce(Guard)) -> String {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut guard = holding(name, Stream::Unix(ours));
    guard.ask.on_drop = on_drop;
    end(guard);
    let mut heard = String::new();
    theirs.read_to_string(&mut heard).unwrap();
    heard
}

#[test]
fn a_drop_says_nothing_but_where_a_number_is_to_be_used_up() {
    for (name, on_drop) in [
        ("A", OnDrop::Rollback),
        ("A", OnDrop::Commit),
        ("_s_A[1]", OnDrop::Commit),
        ("_S_A[1]", OnDrop::Rollback),
    ] {
        assert_eq!(heard_after(name, on_drop, drop), "", "{name}");
    }
    let heard = heard_after("_S_A[1]", OnDrop::Commit, drop);
    assert!(heard.contains("rollback=\"0\""), "{heard}");
}

#[test]
fn a_panic_and_a_forked_child_use_up_no_number() {
    let panics = |guard: Guard| {
        let thread = thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        thread.join().unwrap_err();
    };
    assert_eq!(heard_after("_S_A[1]", OnDrop::Commit, panics), "");
    let in_child = |mut guard: Guard| guard.owner += 1;
    assert_eq!(heard_after("_S_A[1]", OnDrop::Commit, in_child), "");
}

#[test]
fn a_forked_child_cannot_unlock() {
    for rollback in [false, true] {
        let heard = heard_after("_S_A[1]", OnDrop::Commit, |mut guard| {
            guard.owner += 1;
            let released = match rollback {
                true => guard.rollback(),
                false => guard.unlock(),
            };
            let code = released.unwrap_err().code();
            assert_eq!(code, ReturnCode::INVALID_SEQUENCE);
        });
        assert_eq!(heard, "");
    }
}

#[test]
fn what_is_held_can_be_asked() {
    let stream = || Stream::Unix(UnixStream::pair().unwrap().0);
    let mut guard = holding("_s_A[1]", stream());
    guard.word.granted.element = Some("42".to_string());
    guard.ask.mode = LockMode::NullLock;
    guard.ask.quantity = 7;
    assert_eq!((guard.sequence(), guard.element()), (Some(42), Some("42")));
    assert_eq!((guard.mode(), guard.quantity()), (LockMode::Exclusive, 1));
    let mut set = holding("a.b", stream());
    set.word.granted.element = Some("2".to_string());
    assert_eq!(set.sequence(), None);
    let mut pool = holding("A[9]", stream());
    pool.ask.quantity = 7;
    assert_eq!(pool.quantity(), 7);
}

#[test]
fn a_loss_is_waited_for_no_longer_than_the_limit() {
    let (guard, theirs) = held();
    guard.wait_lost(Duration::from_millis(20)).unwrap();
    drop(theirs);
    guard.wait_lost(Duration::MAX).unwrap_err();
}

#[test]
fn a_connection_is_inherited_only_by_who_is_meant_to() {
    let (guard, _theirs) = held();
    for inheritable in [true, false] {
        guard.set_inheritable(inheritable).unwrap();
        let flags = fcntl_getfd(&guard).unwrap();
        assert_eq!(flags.contains(FdFlags::CLOEXEC), !inheritable);
    }
}
