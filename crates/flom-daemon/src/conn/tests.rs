//! Bytes in, and the end of them.

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;

fn pair() -> (Conn, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let conn = Conn::new(Time(0), SessionId(1), ours.into(), None);
    (conn, theirs)
}

#[test]
fn nobody_gets_more_than_a_share() {
    let (mut conn, mut peer) = pair();
    peer.write_all(b"<msg level").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(conn.receive(&mut buffer), Received::Share);
    assert_eq!(conn.receive(&mut buffer), Received::All);
    assert_eq!(conn.receive(&mut buffer), Received::All);
    assert!(!conn.has_ended() && !conn.is_used_up());
}

#[test]
fn the_end_is_seen_with_the_last_bytes_or_without_any() {
    let mut buffer = [0; 8];
    let (mut conn, mut peer) = pair();
    peer.write_all(b"<msg ").unwrap();
    drop(peer);
    conn.note_half_closed();
    assert_eq!(conn.receive(&mut buffer), Received::All);
    assert!(conn.has_ended() && !conn.is_used_up());
    let (mut conn, peer) = pair();
    drop(peer);
    assert_eq!(conn.receive(&mut buffer), Received::All);
    assert!(conn.has_ended() && conn.is_used_up());
}

#[test]
fn the_end_is_not_taken_for_granted_while_there_may_be_more_bytes() {
    let (mut conn, mut peer) = pair();
    peer.write_all(b"<msg level").unwrap();
    drop(peer);
    conn.note_half_closed();
    let mut buffer = [0; 8];
    assert_eq!(conn.receive(&mut buffer), Received::Share);
    assert!(!conn.has_ended());
    assert_eq!(conn.receive(&mut buffer), Received::All);
    assert!(conn.has_ended());
}
