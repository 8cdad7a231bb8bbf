//! What a certificate says about its owner.

use std::time::SystemTime;

use flom_net::PeerName;
use flom_types::Printable;
use rustls::pki_types::CertificateDer;
use x509_cert::der::asn1::{
    BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::name::Name;

/// `commonName` (RFC 5280, appendix A).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What names are made of, for people. The table of all that there is would be as large as the rest
/// of this crate.
const PARTS: [(ObjectIdentifier, &str); 6] = [
    (COMMON_NAME, "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
];

/// A certificate, as far as people and programs want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The common name of its subject; of several the last, as for FLoM 1.7.2.
    pub common_name: Option<PeerName>,
    /// Its subject, for people: `CN=..,O=..`.
    pub subject: String,
    /// Who has signed it, for people.
    pub issuer: String,
    /// Since when it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid, inclusive.
    pub not_after: SystemTime,
}

/// A certificate that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("it is damaged: {0}")]
pub struct CertificateError(x509_cert::der::Error);

impl Certificate {
    /// What `certificate` says.
    ///
    /// # Errors
    ///
    /// It is not in the form of one.
    pub fn parse(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let parsed = x509_cert::Certificate::from_der(certificate).map_err(CertificateError)?;
        let content = parsed.tbs_certificate();
        let validity = content.validity();
        Ok(Self {
            common_name: common_name(content.subject()),
            subject: shown(content.subject()),
            issuer: shown(content.issuer()),
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
        })
    }

    /// Whether `now` is within its dates.
    pub fn is_current(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// A name for people: the parts that people know, in their order.
fn shown(name: &Name) -> String {
    let parts = name.iter().filter_map(|part| {
        let (_, short) = PARTS.iter().find(|(oid, _)| *oid == part.oid)?;
        let text = text(&part.value)?;
        Some(format!("{short}={}", Printable(text.as_str().as_bytes())))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn common_name(subject: &Name) -> Option<PeerName> {
    let names = subject.iter().filter(|part| part.oid == COMMON_NAME);
    names.last().and_then(|part| text(&part.value))
}

/// A name in any of the alphabets that certificates may use.
fn text(value: &Any) -> Option<PeerName> {
    let text = match value.tag() {
        Tag::Utf8String => value
            .decode_as::<Utf8StringRef<'_>>()
            .ok()?
            .as_str()
            .to_owned(),
        Tag::PrintableString => value
            .decode_as::<PrintableStringRef<'_>>()
            .ok()?
            .as_str()
            .to_owned(),
        Tag::Ia5String => value
            .decode_as::<Ia5StringRef<'_>>()
            .ok()?
            .as_str()
            .to_owned(),
        Tag::TeletexString => value
            .decode_as::<TeletexStringRef<'_>>()
            .ok()?
            .as_str()
            .to_owned(),
        Tag::BmpString => value.decode_as::<BmpString>().ok()?.to_string(),
        _ => return None,
    };
    Some(PeerName::new(text))
}
