//! Sockets as flom wants them: the one crate that sets socket options.
//!
//! | file | what |
//! |---|---|
//! | `interface.rs` | the network interfaces of this host |
//! | `address.rs` | from what the user wrote to socket addresses, with scope ids |
//! | `stream.rs` | a client's connection, UNIX or TCP |
//! | `listen.rs` | a daemon's TCP listener |
//! | `keepalive.rs` | when a TCP connection counts as lost |
//! | `door.rs` | a daemon's UNIX socket, with the lock file that keeps a second daemon out |
//! | `peer.rs`, `peer_groups.rs` | who is at the other end |
//! | `layer.rs` | what may lie between the bytes of a socket and those of the messages |
//! | `multicast.rs` | a group of hosts, and listening to it |
//! | `sender.rs` | asking a group |
//!
//! What is said over the sockets, and when, is for others; so is waiting for several of them.

#![forbid(unsafe_code)]

mod address;
mod claim;
mod door;
mod interface;
mod keepalive;
mod layer;
mod listen;
mod multicast;
mod peer;
mod peer_groups;
mod sender;
mod stream;

pub use address::{ResolveError, resolve, resolve_ipv6};
pub use door::{DoorError, Owner, UnixDoor};
pub use interface::{Interface, InterfaceError, interfaces};
pub use keepalive::{Keepalive, tune};
pub use layer::{Layer, LayerError, LayerFault, PeerName};
pub use listen::listen_tcp;
pub use multicast::Group;
pub use peer::Peer;
pub use peer_groups::{PEER_GROUPS_MAX, peer_groups};
pub use sender::Sender;
pub use stream::{Stream, connect_tcp, connect_unix, connect_unix_within};
