//! Two ends of a connection, without a socket between them.

use std::fs;
use std::sync::Arc;

use flom_net::{Layer, LayerError, LayerFault};
use flom_tls::{Files, Server, TlsLayer, client, is_tls};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

use crate::lab::{Authority, Identity};
use crate::scratch::Scratch;

/// An end and what it has to say and has heard.
struct End {
    layer: TlsLayer,
    wire: Vec<u8>,
    plain: Vec<u8>,
}

impl End {
    fn client(files: &Files) -> Self {
        let mut wire = Vec::new();
        let layer = client(files, &mut wire).unwrap();
        let plain = Vec::new();
        Self { layer, wire, plain }
    }

    fn server(server: &Arc<Server>) -> Self {
        Self {
            layer: server.layer(),
            wire: Vec::new(),
            plain: Vec::new(),
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.layer.open(bytes, &mut self.plain, &mut self.wire)
    }

    fn say(&mut self, message: &str) {
        self.layer.seal(message.as_bytes(), &mut self.wire).unwrap();
    }
}

/// Carries bytes to and fro, `piece` of them at a time, until nobody has any; what each end made of
/// them.
fn carry(client: &mut End, server: &mut End, piece: usize) -> [Result<(), LayerError>; 2] {
    let mut results = [Ok(()), Ok(())];
    while !client.wire.is_empty() || !server.wire.is_empty() {
        for bytes in std::mem::take(&mut client.wire).chunks(piece) {
            if results[1].is_ok() {
                results[1] = server.hear(bytes);
            }
        }
        for bytes in std::mem::take(&mut server.wire).chunks(piece) {
            if results[0].is_ok() {
                results[0] = client.hear(bytes);
            }
        }
    }
    results
}

fn name(end: &End) -> Option<&str> {
    end.layer.peer_name().map(flom_net::PeerName::as_str)
}

/// Types of the records in `wire`.
fn records(mut wire: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = wire {
        types.push(*kind);
        wire = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    types
}

#[test]
fn messages_go_through_however_the_bytes_are_split_and_both_ends_know_the_other() {
    let scratch = Scratch::new("layer-through");
    let authority = Authority::new("CA");
    let daemon = scratch.write_as("daemon", &authority.host("d"), &[&authority]);
    let server = Arc::new(Server::new(daemon));
    let own = scratch.write_as("client", &authority.host("c"), &[&authority]);
    for piece in [1, 7, usize::MAX] {
        let (mut client, mut daemon) = (End::client(&own), End::server(&server));
        client.say("early"); // goes with the end of the handshake
        assert!(!client.layer.is_ready());
        let results = carry(&mut client, &mut daemon, piece);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert!(client.layer.is_ready() && daemon.layer.is_ready());
        assert_eq!((name(&client), name(&daemon)), (Some("d"), Some("c")));
        assert_eq!(daemon.plain, b"early");
        daemon.say("one");
        daemon.say("two");
        assert_eq!(records(&daemon.wire), [23, 23], "a record each");
        carry(&mut client, &mut daemon, piece)
            .into_iter()
            .for_each(Result::unwrap);
        assert_eq!(client.plain, b"onetwo");
    }
}

#[test]
fn a_handshake_ends_without_tickets() {
    let scratch = Scratch::new("layer-tickets");
    let authority = Authority::new("CA");
    let files = scratch.write_as("both", &authority.host("x"), &[&authority]);
    let (mut client, mut daemon) = (
        End::client(&files),
        End::server(&Arc::new(Server::new(files))),
    );
    for _ in 0..2 {
        let hello = std::mem::take(&mut client.wire);
        daemon.hear(&hello).unwrap();
        let answer = std::mem::take(&mut daemon.wire);
        client.hear(&answer).unwrap();
    }
    assert!(daemon.layer.is_ready() && daemon.wire.is_empty());
}

#[test]
fn who_is_not_trusted_is_told_and_both_ends_say_why() {
    let scratch = Scratch::new("layer-untrusted");
    let (authority, other) = (Authority::new("CA"), Authority::new("other"));
    let good = || authority.host("x");
    let expired = authority.host_with("x", |params| params.not_after = date_time_ymd(2001, 1, 1));
    let server_only = authority.host_with("x", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let client_only = authority.host_with("x", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let (untrusted, refused) = (LayerFault::Untrusted, LayerFault::Refused);
    let table = [
        // Of the client, of the daemon, what the client trusts, and what each end says.
        (
            other.host("x"),
            good(),
            &authority,
            [refused, untrusted],
            "none of its authorities",
        ),
        (
            expired,
            good(),
            &authority,
            [refused, untrusted],
            "it has expired",
        ),
        (
            Identity::self_signed("x"),
            good(),
            &authority,
            [refused, untrusted],
            "authorities",
        ),
        (
            server_only,
            good(),
            &authority,
            [refused, untrusted],
            "extended key usage",
        ),
        (
            good(),
            client_only,
            &authority,
            [untrusted, refused],
            "does not allow a server",
        ),
        (
            good(),
            other.host("x"),
            &authority,
            [untrusted, refused],
            "no trusted authority",
        ),
        (
            good(),
            good(),
            &other,
            [untrusted, refused],
            "no trusted authority",
        ),
    ];
    for (row, (own, theirs, trusted, faults, words)) in table.into_iter().enumerate() {
        let own = scratch.write_as("client", &own, &[trusted]);
        let theirs = scratch.write_as("daemon", &theirs, &[&authority]);
        let mut client = End::client(&own);
        let mut daemon = End::server(&Arc::new(Server::new(theirs)));
        let errors = carry(&mut client, &mut daemon, usize::MAX).map(Result::unwrap_err);
        assert_eq!(
            errors.each_ref().map(LayerError::fault),
            faults,
            "row {row}"
        );
        assert!(
            errors[0].to_string().contains(words),
            "row {row}: {errors:?}"
        );
    }
}

#[test]
fn who_does_not_speak_tls_is_told_so_by_an_alert_or_not_at_all() {
    let scratch = Scratch::new("layer-clear");
    let authority = Authority::new("CA");
    let files = scratch.write_as("both", &authority.host("x"), &[&authority]);
    let mut daemon = End::server(&Arc::new(Server::new(files.clone())));
    let error = daemon.hear(b"<?xml").unwrap_err();
    assert_eq!(error.fault(), LayerFault::Clear);
    assert_eq!(records(&daemon.wire), [21]);
    assert!(is_tls(daemon.wire[0]) && !is_tls(b'<'));
    let mut client = End::client(&files);
    client.wire.clear();
    let error = client.hear(b"<msg").unwrap_err();
    assert_eq!(error.fault(), LayerFault::Clear);
    assert!(client.wire.is_empty());
}

#[test]
fn files_are_read_anew_for_every_connection() {
    let scratch = Scratch::new("layer-anew");
    let authority = Authority::new("CA");
    let own = scratch.write_as("client", &authority.host("c"), &[&authority]);
    let files = scratch.write_as("daemon", &authority.host("first"), &[&authority]);
    let server = Arc::new(Server::new(files.clone()));
    let daemon_is = |expected: &str| {
        let (mut client, mut daemon) = (End::client(&own), End::server(&server));
        for result in carry(&mut client, &mut daemon, usize::MAX) {
            result.unwrap();
        }
        assert_eq!(name(&client), Some(expected));
    };
    daemon_is("first");
    daemon_is("first");
    scratch.write_as("daemon", &authority.host("second"), &[&authority]);
    daemon_is("second");
    fs::remove_file(&files.private_key).unwrap();
    let (mut client, mut daemon) = (End::client(&own), End::server(&server));
    let [theirs, ours] = carry(&mut client, &mut daemon, usize::MAX).map(Result::unwrap_err);
    assert!(matches!(ours.fault(), LayerFault::Files(code) if code.0 == -404));
    assert!(theirs.to_string().contains("its log says why"), "{theirs}");
    scratch.write_as("daemon", &authority.host("third"), &[&authority]);
    daemon_is("third");
}
