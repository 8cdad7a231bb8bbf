//! Now or not at all, or only for a while.
//!
//! Try: `flom -r nightly -- cargo run --example try_lock`, and the same without flom.

use std::error::Error;
use std::time::Duration;

use flom_client::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let request = Client::from_config()?.request("nightly")?;
    match request.try_lock()? {
        Some(guard) => {
            println!("mine at once");
            guard.unlock()?;
        }
        None => println!("somebody else is at it"),
    }
    match request.lock_timeout(Duration::from_millis(200)) {
        Ok(guard) => {
            println!("mine in time");
            guard.unlock()?;
        }
        Err(error) if error.is_contention() => println!("{error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
