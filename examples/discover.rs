//! A daemon somewhere in the network, found by asking a multicast group.
//!
//! Try: `flom -A ff02::1 -n eth0 -d -1 -- true` on another host, then
//! `cargo run --example discover ff02::1 28015 eth0` here.

use std::env;
use std::error::Error;
use std::time::Duration;

use flom_client::{Client, ConnectError, Discovery};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let group = words.next().unwrap_or_else(|| "ff02::1".to_string());
    let port = words.next().map_or(Ok(28015), |word| word.parse())?;
    let mut discovery = Discovery::new(group, port)
        .attempts(3)
        .timeout(Duration::from_millis(300));
    if let Some(interface) = words.next() {
        discovery = discovery.interface(interface);
    }
    let client = Client::builder().discover(discovery).build()?;
    let session = match client.connect() {
        Ok(session) => session,
        Err(error @ ConnectError::Silence { .. }) => {
            println!("{error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    println!("found the daemon at {}", session.peer());
    let guard = client.request("stock")?.lock()?; // asks the group anew
    println!("locked {}", guard.resource());
    guard.unlock()?;
    Ok(())
}
