//! Locks across processes and hosts, kept by a daemon: ask for one, hold it, drop it.
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let socket = daemon.socket();
//! use flom_client::Client;
//!
//! let client = Client::builder().unix(socket).build()?; // or as configured: Client::from_config()
//! let guard = client.request("stock")?.lock()?;
//! // .. nobody else, on any host, is at the stock ..
//! guard.unlock()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Client`] says where daemons are, a [`Request`] what to lock and how, a [`Guard`] is the lock.
//! What the daemon, the names and the kinds of resources are about is told in the README of flom.
//! No runtime is needed, and any will do.
//!
//! # Tour
//!
//! Not now, then not at all, or only for a while:
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! use std::time::Duration;
//!
//! let request = client.request("nightly")?;
//! if let Some(guard) = request.try_lock()? {
//!     match request.lock_timeout(Duration::from_millis(10)) {
//!         Ok(_) => unreachable!("it is ours, and we are strangers to ourselves"),
//!         Err(error) if error.is_contention() => println!("{error}"),
//!         Err(error) => return Err(error.into()),
//!     }
//!     guard.unlock()?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Readers and writers:
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! use flom_client::LockMode;
//!
//! let table = client.request("/shop/orders")?;
//! let reader = table.clone().mode(LockMode::ProtectedRead).lock()?;
//! let another = table.clone().mode(LockMode::ProtectedRead).lock()?;
//! assert!(table.try_lock()?.is_none()); // exclusive unless said
//! # drop((reader, another));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One of several, three of ten:
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! let printer = client.request("laser.inkjet")?.lock()?;
//! println!("printing on {}", printer.element().expect("a set names its member"));
//! let seats = client.request("seat[10]")?.quantity(3.try_into()?).lock()?;
//! assert_eq!(seats.quantity(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Numbers without gaps: an early return gives the number back.
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! # fn write_invoice(_: u64) -> std::io::Result<()> { Ok(()) }
//! use std::time::Duration;
//!
//! let numbers = client.request("_S_invoice[1]")?.idle_lifespan(Duration::from_secs(60));
//! let number = numbers.lock()?;
//! write_invoice(number.sequence().expect("a sequence yields numbers"))?;
//! number.unlock()?; // used up
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Long work that must stop when the lock is gone, because the daemon is:
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! # let parts = [1, 2, 3];
//! let guard = client.request("stock")?.lock()?;
//! for part in parts {
//!     guard.check()?;
//!     println!("part {part}");
//! }
//! guard.unlock()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Who holds one lock and asks for another says so; then a circle, which would last for ever, is an
//! error. And who writes under a lock shows the number of its grant, by which late writers are
//! known:
//!
//! ```
//! # use flom_testkit::Daemon;
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! use flom_client::LockError;
//!
//! let stock = client.request("stock")?;
//! let outer = stock.lock()?;
//! let inner = client.request("shelf")?.inside(&outer).lock()?;
//! assert!(inner.fence() > outer.fence());
//! match stock.clone().inside(&inner).lock() {
//!     Err(LockError::Deadlock { circle, .. }) => println!("{}", circle.join("\n")),
//!     other => panic!("{other:?}"),
//! }
//! stock.clone().inside(&inner).reentrant(true).lock()?.unlock()?; // it is ours already
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Beside other things that are waited for: [`Request::start`] gives a [`Pending`] with a
//! descriptor. In tokio it goes into an `AsyncFd`:
//!
//! ```
//! # use flom_testkit::Daemon;
//! use std::error::Error;
//! use flom_client::{Guard, Progress, Request, Wait};
//! use tokio::io::{Interest, unix::AsyncFd};
//!
//! async fn lock(request: &Request) -> Result<Guard, Box<dyn Error>> {
//!     let pending = request.start(Wait::Forever)?; // blocks while it connects
//!     let mut pending = AsyncFd::with_interest(pending, Interest::READABLE)?;
//!     loop {
//!         let mut ready = pending.readable_mut().await?;
//!         match ready.get_inner_mut().drive()? {
//!             Progress::Granted => break,
//!             _ => ready.clear_ready(),
//!         }
//!     }
//!     Ok(pending.into_inner().finish().expect("drive said so"))
//! }
//! # let daemon = Daemon::start();
//! # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
//! # let request = client.request("printer")?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
//! # let holder = request.lock()?;
//! # let waiter = std::thread::spawn({
//! #     let request = request.clone();
//! #     move || runtime.block_on(lock(&request)).map(|_| ()).map_err(|error| error.to_string())
//! # });
//! # holder.unlock()?;
//! # waiter.join().expect("it does not panic")?;
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! # What holds
//!
//! | topic | rule |
//! |---|---|
//! | drop of a [`Guard`] | closes the connection: no wait, no failure, no panic; also in async code, during a panic, after `fork` |
//! | when it takes effect | very soon, but not before `drop` returns: the next [`try_lock`](Request::try_lock) may still find the lock taken |
//! | [`unlock`](Guard::unlock) | returns when the daemon has let go, or after the [limit](ClientBuilder::release_timeout) |
//! | transactional sequence (`_S_`) | `unlock` uses the number up, [`rollback`](Guard::rollback) and drop give it back; [`OnDrop`] changes the latter |
//! | `rollback` of anything else | releases and returns [`ReleaseError::NotTransactional`] |
//! | timed out, cancelled, refused, broken | the connection is closed, the place in the queue is lost, nothing is held |
//! | limits | one for each call, from its beginning; besides, finding a daemon, its first answer and the release each have [their own](ClientBuilder) |
//! | signals | waiting goes on with the time that is left |
//! | threads | everything is `Send` and `Sync`: a lock belongs to its connection, not to a thread, and any thread may release it |
//! | the same process twice | two requests compete like strangers; who holds a lock and waits for it waits for ever, unless it says that it is [inside](Request::inside) of it |
//! | `fork` | the lock is the parent's; the child's copy of the guard can be dropped, and `unlock` there is [`ReleaseError::OtherProcess`]. The lock lasts until both have closed it |
//! | `exec` | the connection is closed, unless it is [inheritable](Guard::set_inheritable) |
//! | a panic | releases, takes a number back, poisons nothing |
//! | `let _ = request.lock()?;` | releases at once; the compiler does not warn: `let _guard` keeps it |
//! | `mem::forget` | holds until the process ends |
//! | the daemon is lost | the lock is gone: [`Guard::check`], [`Guard::wait_lost`] and the descriptor tell. Over TCP, keep-alive notices a dead host as well |
//! | fairness | the daemon's queue; [`try_lock`](Request::try_lock) never joins it |
//!
//! # Errors
//!
//! One type for each thing that can fail, and `code()` for the number by which FLoM 1.7.2 names it.
//! [`LockError::is_contention`] is for who comes back later because others were there first,
//! [`LockError::is_retryable`] also for who waits for a daemon to come back.
//!
//! # Inside
//!
//! ```text
//!   ClientBuilder ─► Client ─► Request ── start ──► Pending ── drive, finish ──► Guard ── unlock
//!                                  │                    │
//!                                  │ locate: where to look (a table)
//!                                  │ search: look there, start a daemon if there is none
//!                                  │ connect, discover, start: how that is done
//!                                                       │ conversation: what answers mean
//! ```
//!
//! `locate`, `search`, `call` and `conversation` do no I/O; only `start` touches a process. The
//! `flom` command is made of the same parts; what only it needs is in `command`, of which nothing is
//! promised.

#![forbid(unsafe_code)]

mod ask;
mod builder;
mod call;
mod client;
#[doc(hidden)]
pub mod command;
mod connect;
mod conversation;
mod discover;
mod error;
mod explain;
mod guard;
#[cfg(feature = "tls")]
mod identity;
mod in_time;
mod line;
mod locate;
mod notice;
mod observe;
mod pending;
mod request;
mod resume;
mod search;
mod secured;
mod session;
mod shutdown;
mod start;
mod tls;
mod trace;

pub use builder::{ClientBuilder, Discovery};
pub use call::Wait;
pub use client::Client;
pub use conversation::Progress;
pub use error::{ConfigError, ConnectError, LockError, LockLost, ReleaseError, StartError};
pub use flom_types::{
    Lineage, LockMode, NameError as ResourceNameError, ParseLineageError, ParseModeError,
    ParsePreviousError, Previous, ResourceKind, ResourceName, ReturnCode, Token,
};
pub use guard::Guard;
#[cfg(feature = "tls")]
pub use identity::TlsIdentity;
pub use locate::Endpoint;
pub use pending::Pending;
pub use request::{OnDrop, Request};
pub use session::Session;
pub use tls::{TlsError, TlsFault};
