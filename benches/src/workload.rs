//! The loads, each of which any [`Server`](crate::Server) can be put under.

mod churn;
mod command;
mod cycle;
mod kept;
mod meter;
mod queue;
mod readers;

use std::io;

use crate::crowd::News;

pub use churn::churn;
pub use command::{Commands, commands};
pub use cycle::{contend, own};
pub use kept::keep;
pub use queue::queue;
pub use readers::readers;

/// What was measured: names and values, the same names in the same order each time.
pub type Figures = Vec<(&'static str, f64)>;

/// An answer that cannot be, or a connection that ended too early.
fn surprise(number: usize, news: News) -> io::Error {
    io::Error::other(format!("client {number} did not expect {news:?}"))
}
