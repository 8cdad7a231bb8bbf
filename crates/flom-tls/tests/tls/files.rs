//! What is said about certificates, keys and authorities in files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use flom_tls::{ChainError, FileError, FileProblem, Files, Purpose};
use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};

use crate::lab::{Authority, Identity};
use crate::scratch::Scratch;

/// What a peer would say about it, as a server and as a client.
fn verdicts(files: &Files) -> [Result<(), ChainError>; 2] {
    let material = files.read().unwrap();
    [Purpose::Server, Purpose::Client]
        .map(|purpose| material.check_chain(purpose, SystemTime::now()))
}

fn problem(files: &Files) -> FileError {
    files.read().unwrap_err()
}

#[test]
fn a_certificate_with_nothing_but_a_name_is_good_for_both_ends() {
    let scratch = Scratch::new("files-plain");
    let authority = Authority::new("CA");
    let files = scratch.write(&authority.host("some-id"), &[&authority]);
    assert_eq!(verdicts(&files), [Ok(()), Ok(())]);
    let material = files.read().unwrap();
    let certificate = material.certificate();
    assert_eq!(
        certificate.common_name.as_ref().unwrap().as_str(),
        "some-id"
    );
    assert!(certificate.is_current(SystemTime::now()));
    assert!(
        certificate.subject.contains("CN=some-id"),
        "{certificate:?}"
    );
    assert_eq!(material.authorities().count(), 1);
}

#[test]
fn of_several_names_the_last_counts_and_there_may_be_none() {
    let scratch = Scratch::new("files-names");
    let authority = Authority::new("CA");
    let host = authority.host_with("first", |params| {
        // The order of pushing is that of the certificate.
        let second = DnType::CustomDnType(vec![2, 5, 4, 3]);
        params.distinguished_name.push(second, "second");
    });
    let files = scratch.write(&host, &[&authority]);
    let name = files.read().unwrap().certificate().common_name.clone();
    assert_eq!(name.unwrap().as_str(), "second");
    let nameless = authority.host_with("x", |params| {
        params.distinguished_name.remove(DnType::CommonName);
    });
    let files = scratch.write(&nameless, &[&authority]);
    assert_eq!(files.read().unwrap().certificate().common_name, None);
}

#[test]
fn what_is_not_trusted_is_told_by_what_is_wrong_with_it() {
    let scratch = Scratch::new("files-chain");
    let authority = Authority::new("CA");
    let middle = authority.intermediate("middle");
    let usage = |usage: ExtendedKeyUsagePurpose| {
        authority.host_with("x", |params| params.extended_key_usages = vec![usage])
    };
    let dates = |from, to| {
        authority.host_with("x", |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        })
    };
    let an_authority = authority.host_with("x", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let wrong = |error: ChainError| [Err(error.clone()), Err(error)];
    let good = || [Ok(()), Ok(())];
    let not_client = ChainError::Purpose(Purpose::Client);
    let not_server = ChainError::Purpose(Purpose::Server);
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let table = [
        (dates(2000, 2001), wrong(ChainError::Expired)),
        (dates(2300, 2301), wrong(ChainError::NotYetValid)),
        (usage(server), [Ok(()), Err(not_client)]),
        (usage(client), [Err(not_server), Ok(())]),
        (an_authority, wrong(ChainError::IsAuthority)),
        (Identity::self_signed("x"), wrong(ChainError::UnknownIssuer)),
        (Authority::new("CA").host("x"), wrong(ChainError::Signature)),
        (
            Authority::new("B").host("x"),
            wrong(ChainError::UnknownIssuer),
        ),
        (middle.host("x"), wrong(ChainError::UnknownIssuer)),
        (middle.host("x").chained(&middle), good()),
    ];
    for (row, (identity, expected)) in table.into_iter().enumerate() {
        let files = scratch.write(&identity, &[&authority]);
        assert_eq!(verdicts(&files), expected, "row {row}");
    }
    // An intermediate that the verifier knows need not be sent.
    let files = scratch.write(&middle.host("x"), &[&authority, &middle]);
    assert_eq!(verdicts(&files), good());
}

#[test]
fn an_authority_that_is_out_of_date_counts_no_more_unless_it_was_renewed() {
    let scratch = Scratch::new("files-authority");
    let old = Authority::with("CA", |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let files = scratch.write(&old.host("x"), &[&old]);
    assert_eq!(
        verdicts(&files),
        [
            Err(ChainError::AuthorityOutOfDate),
            Err(ChainError::AuthorityOutOfDate)
        ]
    );
    let before = SystemTime::UNIX_EPOCH + Duration::from_secs(900_000_000); // in 1998
    let material = files.read().unwrap();
    let earlier = material.check_chain(Purpose::Server, before);
    assert_eq!(earlier, Ok(()), "its dates were good once");
    let other = Authority::new("other");
    let files = scratch.write(&other.host("x"), &[&old, &other]);
    assert_eq!(verdicts(&files), [Ok(()), Ok(())]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_the_number_of_old() {
    let scratch = Scratch::new("files-files");
    let authority = Authority::new("CA");
    let good = scratch.write(&authority.host("x"), &[&authority]);
    authority
        .host("y")
        .write(scratch.folder(), "other", &[&authority]);
    let other = scratch.files("other");
    let file = |name: &str, text: &str| {
        let path = scratch.folder().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let nothing = file("nothing", "no PEM\n");
    let damaged = file(
        "damaged",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let (missing, folder) = (
        scratch.folder().join("missing"),
        scratch.folder().to_owned(),
    );
    let with = |certificate: &Path, private_key: &Path, ca_certificate: &Path| Files {
        certificate: certificate.to_owned(),
        private_key: private_key.to_owned(),
        ca_certificate: ca_certificate.to_owned(),
    };
    let (pem, key, ca) = (&good.certificate, &good.private_key, &good.ca_certificate);
    let table = [
        (with(&nothing, key, ca), &nothing, -403),
        (with(&damaged, key, ca), &damaged, -403),
        (with(&missing, key, ca), &missing, -403),
        (with(scratch.folder(), key, ca), &folder, -403),
        (with(pem, &nothing, ca), &nothing, -404),
        (with(pem, pem, ca), pem, -404),
        (with(pem, &missing, ca), &missing, -404),
        (with(pem, &other.private_key, ca), &other.private_key, -404),
        (with(pem, key, &nothing), &nothing, -401),
        (with(pem, key, &damaged), &damaged, -401),
        (with(pem, key, &missing), &missing, -401),
    ];
    for (row, (files, file, code)) in table.into_iter().enumerate() {
        let error = problem(&files);
        assert_eq!((&error.file, error.code().0), (file, code), "row {row}");
    }
    let mixed = problem(&with(pem, &other.private_key, ca));
    assert!(matches!(mixed.problem, FileProblem::OtherKey(file) if file == *pem));
}

/// The keys that `openssl` makes, in each form; encrypted ones are told from others.
#[test]
fn an_encrypted_key_is_told_from_a_bad_one() {
    let scratch = Scratch::new("files-encrypted");
    let authority = Authority::new("CA");
    let files = scratch.write(&authority.host("x"), &[&authority]);
    for form in [&[][..], &["-traditional"]] {
        let encrypted = scratch.folder().join("encrypted.key");
        let done = Command::new("openssl")
            .args(["pkey", "-aes-128-cbc", "-passout", "pass:secret", "-in"])
            .args([&files.private_key, Path::new("-out"), &encrypted])
            .args(form)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        let error = problem(&Files {
            private_key: encrypted,
            ..files.clone()
        });
        assert!(
            matches!(error.problem, FileProblem::EncryptedKey),
            "{error:?}"
        );
        assert_eq!(error.code().0, -404);
    }
}

/// `spec/tls.md` §6, to the letter but for the folder and the id, and some variants of it.
#[test]
fn the_commands_of_old_make_certificates_that_are_good() {
    const COMMANDS: &str = r#"
        set -e
        openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 \
          -keyout ca.key -out ca.pem -subj "/O=Example/CN=FLoM lab CA" \
          -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
        openssl req -newkey rsa:2048 -nodes -keyout host.key -out host.csr -subj "/O=Example/CN=$ID"
        printf '%s\n' 'basicConstraints=CA:FALSE' 'keyUsage=digitalSignature,keyEncipherment' \
          'extendedKeyUsage=serverAuth,clientAuth' "subjectAltName=DNS:$ID" > host.ext
        sign="openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -sha256"
        $sign -extfile host.ext -out host.pem
        # As the sample set-up of FLoM: neither key usage nor alternative name.
        printf '%s\n' 'basicConstraints=CA:FALSE' subjectKeyIdentifier=hash \
          authorityKeyIdentifier=keyid > sample.ext
        $sign -extfile sample.ext -out sample.pem
        cp host.key sample.key
        # Version 1, which only has a name.
        $sign -out first.pem
        cp host.key first.key
        # An EC key, in the form of old, parameters first.
        openssl ecparam -name prime256v1 -genkey -out curve.key
        openssl req -new -key curve.key -out host.csr -subj "/O=Example/CN=$ID"
        $sign -extfile sample.ext -out curve.pem
        for name in host sample first curve; do cp ca.pem $name.ca; done
    "#;
    let scratch = Scratch::new("files-openssl");
    let id = "0123456789abcdef0123456789abcdef";
    let done = Command::new("bash")
        .args(["-c", COMMANDS])
        .env("ID", id)
        .current_dir(scratch.folder())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    for name in ["host", "sample", "curve"] {
        let files = scratch.files(name);
        assert_eq!(verdicts(&files), [Ok(()), Ok(())], "{name}");
        let common_name = files.read().unwrap().certificate().common_name.clone();
        assert_eq!(common_name.unwrap().as_str(), id, "{name}");
    }
    let first = verdicts(&scratch.files("first"));
    assert_eq!(
        first,
        [Err(ChainError::Version1), Err(ChainError::Version1)]
    );
}
