//! One of several printers, whichever is free.
//!
//! Try: `flom -r laser.inkjet -- sleep 10` in two other windows; then there is none left.

use std::error::Error;

use flom_client::{Client, Guard};

fn main() -> Result<(), Box<dyn Error>> {
    let printer = Client::from_config()?.request("laser.inkjet")?;
    let first = printer.lock()?;
    let second = printer.lock()?;
    let mut names = [&first, &second].map(|guard| guard.element().unwrap_or_default());
    names.sort_unstable();
    println!("printing on {} and {}", names[0], names[1]);
    println!("a third one is free: {}", printer.try_lock()?.is_some());
    [first, second].into_iter().try_for_each(Guard::unlock)?;
    Ok(())
}
