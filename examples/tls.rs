//! An encrypted connection, on which both sides prove who they are.
//!
//! Try: make certificates as docs/tls.md tells, start
//! `flomd -a 127.0.0.1 --tls-certificate=.. --tls-private-key=.. --tls-ca-certificate=..`, then
//! `cargo run --example tls 127.0.0.1 28015 alpha.pem alpha.key ca.pem`.

use std::env;
use std::error::Error;

use flom_client::{Client, TlsIdentity};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [host, port, certificate, key, authority] = words.as_slice() else {
        return Err("usage: tls HOST PORT CERTIFICATE KEY CA-CERTIFICATE".into());
    };
    let identity = TlsIdentity::from_pem_files(certificate, key, authority)?;
    let client = Client::builder()
        .tcp(host, port.parse()?)
        .tls(identity)
        .build()?;
    let guard = client.request("secret")?.lock()?;
    println!("locked {}, and nobody could listen", guard.resource());
    guard.unlock()?;
    Ok(())
}
