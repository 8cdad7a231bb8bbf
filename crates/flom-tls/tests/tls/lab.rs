//! Certificates for tests: authorities, hosts, and what can be wrong with either.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// One that signs itself.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| ())
    }

    /// The same, after `change`.
    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = params_of_authority(name, change);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// One signed by this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = params_of_authority(name, |_| ());
        Self(CertifiedIssuer::signed_by(params, key, &self.0).unwrap())
    }

    /// Its certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A host called `name`.
    pub(crate) fn host(&self, name: &str) -> Identity {
        self.host_with(name, |_| ())
    }

    /// The same, after `change`.
    pub(crate) fn host_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, change).signed_by(&key, &self.0).unwrap();
        identity(&certificate, &key)
    }
}

impl Identity {
    /// One that signs itself and is no authority.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, |_| ()).self_signed(&key).unwrap();
        identity(&certificate, &key)
    }

    /// With the certificate of the authority that signed it after it in the file.
    pub(crate) fn chained(mut self, authority: &Authority) -> Self {
        self.certificate.push_str(&authority.pem());
        self
    }

    /// Writes `NAME.pem`, `NAME.key` and `NAME.ca` into `folder`, the last with these authorities.
    pub(crate) fn write(&self, folder: &Path, name: &str, trusted: &[&Authority]) {
        let authorities: String = trusted.iter().map(|authority| authority.pem()).collect();
        let file = |extension| folder.join(format!("{name}.{extension}"));
        fs::write(file("pem"), &self.certificate).unwrap();
        fs::write(file("key"), &self.key).unwrap();
        fs::write(file("ca"), authorities).unwrap();
    }
}

/// No subject alternative name, no key usage: as FLoM's own sample set-up makes them.
fn params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    change(&mut params);
    params
}

fn params_of_authority(
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    params(name, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(params);
    })
}

fn identity(certificate: &Certificate, key: &KeyPair) -> Identity {
    Identity {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}
