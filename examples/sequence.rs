//! Invoice numbers without gaps: a number that comes to nothing goes back.
//!
//! Try: leave `main` with an error where the first invoice is written, and start it again within a
//! minute: the number is the same.

use std::error::Error;
use std::time::Duration;

use flom_client::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_config()?;
    // Kept for a minute when nobody uses it; then counting begins again.
    let minute = Duration::from_secs(60);
    let numbers = client.request("_S_invoice[1]")?.idle_lifespan(minute);

    let number = numbers.lock()?;
    println!(
        "a first try at invoice {}",
        number.sequence().ok_or("no number")?
    );
    number.rollback()?; // as dropping it does, but in order

    for _ in 0..2 {
        let number = numbers.lock()?;
        println!("invoice {}", number.sequence().ok_or("no number")?);
        number.unlock()?; // used up
    }
    Ok(())
}
