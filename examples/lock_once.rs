//! One lock around one piece of work.
//!
//! Try: start it twice at the same time; the second waits for the first. It finds the daemon that
//! the `flom` command finds, so `flom -d -1 -- true` starts one first, and
//! `flom -r stock -- sleep 10` makes it wait.

use std::error::Error;
use std::thread;
use std::time::Duration;

use flom_client::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_config()?;
    let guard = client.request("stock")?.lock()?;
    println!("nobody else is at the stock now");
    thread::sleep(Duration::from_millis(100)); // the work
    guard.check()?; // still ours?
    guard.unlock()?;
    println!("the stock is free again");
    Ok(())
}
