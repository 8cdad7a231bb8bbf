//! Three of ten seats.
//!
//! Try: ask for eleven; that can never be and is said at once.

use std::error::Error;
use std::num::NonZeroU32;

use flom_client::{Client, LockError};

fn main() -> Result<(), Box<dyn Error>> {
    let seats = Client::from_config()?.request("seat[10]")?;
    let take = |count| {
        let count = NonZeroU32::new(count).expect("nobody takes no seat");
        seats.clone().quantity(count).try_lock()
    };
    let family = take(7)?.ok_or("seven seats are free at the beginning")?;
    println!("seats taken: {}", family.quantity());
    println!("four more: {}", take(4)?.is_some());
    println!("three more: {}", take(3)?.is_some());
    match take(11) {
        Err(error @ LockError::Impossible { .. }) => println!("eleven: {error}"),
        other => println!("eleven: {other:?}"),
    }
    family.unlock()?;
    Ok(())
}
