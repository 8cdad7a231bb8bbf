//! Each error has the number that programs for FLoM 1.7.2 know, and is worth another try or is not.

use std::io;
use std::time::Duration;

use flom_types::{Chain, ResourceName, ReturnCode};

use super::*;
use crate::locate::Endpoint;
use crate::tls::TlsError;

const SECOND: Duration = Duration::from_secs(1);

fn peer() -> String {
    "test".to_string()
}

fn resource() -> ResourceName {
    ResourceName::default()
}

fn endpoint() -> Endpoint {
    Endpoint::Unix("/s".into())
}

fn source() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

#[test]
fn a_lock_error_is_known_by_its_number_and_by_what_may_help() {
    let (resource, peer) = (resource(), peer());
    let disconnected = |unanswered| LockError::Disconnected {
        resource: resource.clone(),
        peer: peer.clone(),
        unanswered,
        source: None,
    };
    let nobody = ConnectError::Nobody {
        endpoint: endpoint(),
        source: source(),
    };
    let (contention, retryable, neither) = ((true, true), (false, true), (false, false));
    let table = [
        (
            LockError::Busy {
                resource: resource.clone(),
            },
            4,
            contention,
        ),
        (
            LockError::TimedOut {
                resource: resource.clone(),
                after: SECOND,
                queued: true,
            },
            9,
            contention,
        ),
        (LockError::Connect(nobody), -105, retryable),
        (
            LockError::NoSuchResource {
                resource: resource.clone(),
            },
            5,
            retryable,
        ),
        (disconnected(true), -126, retryable),
        (disconnected(false), -126, retryable),
        (
            LockError::Impossible {
                resource: resource.clone(),
            },
            6,
            neither,
        ),
        (
            LockError::InvalidName {
                resource: resource.clone(),
                peer: peer.clone(),
            },
            -14,
            neither,
        ),
        (
            LockError::NameTooLong {
                bytes: 300,
                peer: peer.clone(),
            },
            -12,
            neither,
        ),
        (
            LockError::NoAnswer {
                peer: peer.clone(),
                after: SECOND,
            },
            9,
            neither,
        ),
        (
            LockError::Protocol {
                peer: peer.clone(),
                problem: "nonsense".to_string(),
                code: ReturnCode::PROTOCOL_ERROR,
            },
            -13,
            neither,
        ),
    ];
    for (error, code, (contention, retryable)) in table {
        assert_eq!(error.code(), ReturnCode(code), "{error}");
        assert_eq!(error.is_contention(), contention, "{error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
}

#[test]
fn a_connect_error_is_known_by_its_number() {
    let table = [
        (
            ConnectError::Silence {
                endpoint: endpoint(),
                attempts: 2,
            },
            -105,
        ),
        (
            ConnectError::Unreachable {
                peer: peer(),
                source: source(),
            },
            -105,
        ),
        (
            ConnectError::TimedOut {
                endpoint: endpoint(),
                after: SECOND,
            },
            -105,
        ),
        (
            ConnectError::Resolve {
                endpoint: endpoint(),
                source: Box::new(source()),
            },
            -110,
        ),
        (
            ConnectError::Interface {
                source: Box::new(source()),
            },
            -20,
        ),
        (
            ConnectError::Query {
                endpoint: endpoint(),
                source: source(),
            },
            -131,
        ),
    ];
    for (error, code) in table {
        assert_eq!(error.code(), ReturnCode(code), "{error}");
    }
}

#[test]
fn a_release_error_is_known_by_its_number() {
    let lost = LockLost {
        peer: peer(),
        source: None,
    };
    let resource = resource();
    let table = [
        (ReleaseError::Lost(lost), -130),
        (
            ReleaseError::NoConfirmation {
                peer: peer(),
                after: SECOND,
            },
            0,
        ),
        (
            ReleaseError::NotTransactional {
                resource: resource.clone(),
            },
            12,
        ),
        (ReleaseError::OtherProcess { resource }, -17),
    ];
    for (error, code) in table {
        assert_eq!(error.code(), ReturnCode(code), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_file_of_tls_is_said_once() {
    let source = TlsError::Files {
        problem: "/key: it is encrypted".into(),
        code: ReturnCode::TLS_PRIVATE_KEY,
    };
    let error = ConnectError::Tls {
        peer: peer(),
        source,
    };
    assert_eq!(
        Chain(&error).to_string(),
        "no TLS connection to test: /key: it is encrypted"
    );
}
