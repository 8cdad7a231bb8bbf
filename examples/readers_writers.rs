//! Several readers or one writer.
//!
//! Try: change the writer's mode to `LockMode::ConcurrentRead`, which goes with readers, or let one
//! reader live longer.

use std::error::Error;

use flom_client::{Client, LockMode};

fn main() -> Result<(), Box<dyn Error>> {
    let table = Client::from_config()?.request("orders")?;
    let reader = table.clone().mode(LockMode::ProtectedRead);
    let writer = table.mode(LockMode::Exclusive);

    let readers = [reader.lock()?, reader.lock()?];
    println!("{} read at the same time", readers.len());
    println!("a writer gets in: {}", writer.try_lock()?.is_some());
    for reader in readers {
        reader.unlock()?;
    }
    let guard = writer.lock()?;
    println!("now it writes, in mode {}", guard.mode().long_name());
    println!("a reader gets in: {}", reader.try_lock()?.is_some());
    guard.unlock()?;
    Ok(())
}
