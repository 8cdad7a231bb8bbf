//! Who holds what and who waits for what, as a file system that is mounted somewhere.
//!
//! ```text
//!   views (Numbered) ─► tree.rs ─► gallery.rs ─► fs.rs ─► the system ─► ls, cat, find
//!                       what is    what is open  answers to
//!                       where      stays as it   requests
//!                       (node.rs)  was           (fuser, a thread of its own)
//!
//!   point.rs: what is at the mount point before;  mount.rs: putting it up and taking it down
//! ```
//!
//! Layout, names and contents are those of FLoM 1.7.2 (`spec/vfs.md`). Nothing here is asked by a
//! lock manager or has it wait: views are asked for when somebody looks, and what is there when
//! none comes in time is shown once more.

#![forbid(unsafe_code)]

mod fs;
mod gallery;
mod mount;
mod node;
mod point;
mod tree;

pub use mount::{MountError, Mounted, UnmountError, mount};
