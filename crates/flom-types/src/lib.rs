//! Words that every crate of flom shares: lock modes, resource names, time, limits.
//!
//! Layer 0 of the house: it knows nobody and does nothing but say whether a value is sound.

#![forbid(unsafe_code)]

mod chain;
mod code;
mod fairness;
mod ids;
pub mod limits;
mod lineage;
mod mode;
mod name;
mod outcome;
mod previous;
mod printable;
pub mod target;
mod tick;
mod time;
mod who;

pub use chain::Chain;
pub use code::ReturnCode;
pub use fairness::{Fairness, ParseFairnessError};
pub use ids::SessionId;
pub use lineage::{Lineage, ParseLineageError, Token};
pub use mode::{LockMode, ParseModeError};
pub use name::{DEFAULT_RESOURCE, NameError, QUESTION, ResourceKind, ResourceName};
pub use outcome::Outcome;
pub use previous::{ParsePreviousError, Previous};
pub use printable::Printable;
pub use tick::{FRACTION_DIGITS, tick_us};
pub use time::{Now, Patience, Time};
pub use who::Who;
