//! Times that nobody else gets.
//!
//! Try: a format without fractions of a second; then the second lock waits for the next second.

use std::error::Error;

use flom_client::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_config()?;
    let times = client.request("_t_%Y%m%d.%H%M%S#ffffff[1]")?;
    let mut names = Vec::new();
    for _ in 0..3 {
        let guard = times.lock()?;
        names.push(guard.element().ok_or("no time")?.to_string());
        guard.unlock()?;
    }
    names.dedup();
    println!(
        "{} different names, such as backup-{}",
        names.len(),
        names[0]
    );
    Ok(())
}
