//! A tree: who writes in `/shop/orders` does not disturb `/shop/customers`, and who has all of
//! `/shop` has both.
//!
//! Try: read the whole shop (`.mode(LockMode::ProtectedRead)`) while somebody reads the orders.

use std::error::Error;

use flom_client::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_config()?;
    let shop = client.request("/shop")?;
    let orders = client.request("/shop/orders")?.lock()?;
    println!("somebody writes orders");
    let customers = client.request("/shop/customers")?;
    println!("customers are free: {}", customers.try_lock()?.is_some());
    println!("all of the shop is free: {}", shop.try_lock()?.is_some());
    orders.unlock()?;
    let all = shop.lock()?;
    println!("closed for stocktaking");
    println!("customers are free: {}", customers.try_lock()?.is_some());
    all.unlock()?;
    Ok(())
}
