//! The certificates: whether peers can trust this host with them, and for how long.

#[cfg(feature = "tls")]
use std::fs;
#[cfg(feature = "tls")]
use std::os::unix::fs::MetadataExt;
#[cfg(feature = "tls")]
use std::path::Path;
#[cfg(feature = "tls")]
use std::time::{Duration, SystemTime};

use flom_settings::Tls;
#[cfg(feature = "tls")]
use flom_tls::{Files, Material, Purpose};

use super::finding::Finding;

const CHECK: &str = "certificate";

/// Looks at the files of the settings, if there are any.
pub(crate) fn check(tls: &Tls) -> Vec<Finding> {
    match (&tls.certificate, &tls.private_key, &tls.ca_certificate) {
        #[cfg(feature = "tls")]
        (Some(certificate), Some(private_key), Some(ca_certificate)) => check_files(
            &Files {
                certificate: certificate.clone(),
                private_key: private_key.clone(),
                ca_certificate: ca_certificate.clone(),
            },
            tls.check_peer_id,
        ),
        #[cfg(not(feature = "tls"))]
        (Some(_), ..) | (_, Some(_), _) | (.., Some(_)) => {
            let hint = "take a flom with it, or do without certificates";
            vec![Finding::failed(
                CHECK,
                "this flom was built without TLS",
                hint,
            )]
        }
        _ => Vec::new(),
    }
}

#[cfg(feature = "tls")]
fn check_files(files: &Files, check_peer_id: bool) -> Vec<Finding> {
    let mut findings = match files.read() {
        Ok(material) => {
            let now = SystemTime::now();
            let own_id = flom_settings::unique_id().ok();
            let name = material.certificate().common_name.as_ref();
            let name = name.map(|name| name.as_str());
            let path = &files.certificate;
            vec![
                judge_dates(path, &material, now),
                judge_chain(path, &material, now),
                judge_name(path, name, own_id.as_deref(), check_peer_id),
            ]
        }
        Err(error) => {
            let hint = "no TLS connection can be made like this (docs/tls.md)";
            vec![Finding::failed(CHECK, error.to_string(), hint)]
        }
    };
    let writable = [&files.certificate, &files.ca_certificate];
    let writable = writable
        .into_iter()
        .map(|path| judge_mode(path, mode(path), 0o022));
    findings.extend(writable.flatten());
    findings.extend(judge_mode(
        &files.private_key,
        mode(&files.private_key),
        0o077,
    ));
    findings
}

#[cfg(feature = "tls")]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |file| file.mode())
}

/// How long before its end a certificate should be replaced.
#[cfg(feature = "tls")]
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(feature = "tls")]
fn judge_dates(path: &Path, material: &Material, now: SystemTime) -> Finding {
    let certificate = material.certificate();
    judge_validity(path, certificate.not_before, certificate.not_after, now)
}

#[cfg(feature = "tls")]
fn judge_validity(
    path: &Path,
    not_before: SystemTime,
    not_after: SystemTime,
    now: SystemTime,
) -> Finding {
    let name = path.display();
    let days = |time: Duration| time.as_secs() / (24 * 60 * 60);
    if let Ok(early) = not_before.duration_since(now)
        && !early.is_zero()
    {
        let text = format!(
            "{name}: it is not valid before {} days have passed",
            days(early)
        );
        return Finding::failed(CHECK, text, "is the clock of this host right?");
    }
    match not_after.duration_since(now) {
        Err(past) => {
            let text = format!("{name}: it expired {} days ago", days(past.duration()));
            Finding::failed(
                CHECK,
                text,
                "have a new one made; nobody has to be restarted",
            )
        }
        Ok(left) if left < SOON => {
            let text = format!("{name}: it expires in {} days", days(left));
            Finding::warning(
                CHECK,
                text,
                "have a new one made; nobody has to be restarted",
            )
        }
        Ok(left) => Finding::ok(CHECK, format!("{name}: valid for {} days", days(left))),
    }
}

#[cfg(feature = "tls")]
fn judge_chain(path: &Path, material: &Material, now: SystemTime) -> Finding {
    let check = |purpose| material.check_chain(purpose, now);
    match check(Purpose::Client).and_then(|()| check(Purpose::Server)) {
        Ok(()) => {
            let text = "the key belongs to it, and the own CA file leads to its issuer";
            Finding::ok(CHECK, format!("{}: {text}", path.display()))
        }
        Err(error) => {
            let text = format!("{}: {error}", path.display());
            Finding::failed(
                CHECK,
                text,
                "peers with the same CA file would refuse this host",
            )
        }
    }
}

/// `name` is the common name, `own_id` that of this host.
#[cfg(feature = "tls")]
fn judge_name(path: &Path, name: Option<&str>, own_id: Option<&str>, checked: bool) -> Finding {
    let file = path.display();
    let (Some(name), Some(own_id)) = (name, own_id) else {
        let text = match name {
            None => format!("{file}: it has no common name"),
            Some(_) => "this host has no id (/etc/machine-id)".to_string(),
        };
        return Finding::warning(CHECK, text, "peers that check ids refuse this host");
    };
    if name == own_id {
        let text = format!("{file}: its common name is the id of this host");
        return Finding::ok(CHECK, text);
    }
    let text = format!("{file}: its common name is '{name}', the id of this host {own_id}");
    let hint = "peers with --tls-check-peer-id=yes refuse this host: make it for CN=$(flom \
                --unique-id)";
    match checked {
        true => Finding::failed(CHECK, text, hint),
        false => Finding::warning(CHECK, text, hint),
    }
}

/// Nothing is said of a file whose `mode` has none of the `forbidden` bits.
#[cfg(feature = "tls")]
fn judge_mode(path: &Path, mode: u32, forbidden: u32) -> Option<Finding> {
    if mode & forbidden == 0 {
        return None;
    }
    let (file, what) = (
        path.display(),
        if forbidden & 0o044 == 0 {
            "change"
        } else {
            "read"
        },
    );
    let text = format!(
        "{file}: others than its owner may {what} it ({:o})",
        mode & 0o7777
    );
    let hint = format!("chmod {:o} {file}", mode & 0o7777 & !forbidden);
    Some(Finding::warning(CHECK, text, hint))
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::super::finding::Verdict::{self, Failed, Ok, Warning};
    use super::*;

    #[test]
    fn a_certificate_is_replaced_before_it_expires() {
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        let table: &[(u64, Verdict, &str)] = &[
            (99, Failed, "not valid before 1 days"),
            (100, Ok, "valid for 365 days"),
            (434, Ok, "valid for 31 days"),
            (436, Warning, "expires in 29 days"),
            (465, Warning, "expires in 0 days"),
            (470, Failed, "expired 5 days ago"),
        ];
        for (now, verdict, text) in table {
            let finding = judge_validity(Path::new("/c"), day(100), day(465), day(*now));
            assert_eq!(finding.verdict, *verdict, "{finding}");
            assert!(finding.to_string().contains(text), "{finding}");
        }
    }

    #[test]
    fn the_common_name_is_the_id_of_the_host() {
        let judge = |name, id, checked| judge_name(Path::new("/c"), name, id, checked).verdict;
        assert_eq!(judge(Some("a"), Some("a"), true), Ok);
        assert_eq!(judge(Some("a"), Some("b"), true), Failed);
        assert_eq!(judge(Some("a"), Some("b"), false), Warning);
        assert_eq!(judge(None, Some("b"), false), Warning);
        assert_eq!(judge(Some("a"), None, false), Warning);
    }

    #[test]
    fn a_key_is_for_its_owner_alone_and_the_others_are_for_reading() {
        let hint = |mode, forbidden| {
            let finding = judge_mode(Path::new("/k"), mode, forbidden)?;
            finding
                .to_string()
                .lines()
                .last()
                .map(|line| line.trim().to_string())
        };
        assert_eq!(hint(0o100_600, 0o077), None);
        assert_eq!(hint(0o100_644, 0o077).as_deref(), Some("chmod 600 /k"));
        assert_eq!(hint(0o100_644, 0o022), None);
        assert_eq!(hint(0o100_664, 0o022).as_deref(), Some("chmod 644 /k"));
    }
}
