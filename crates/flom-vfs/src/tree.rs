//! The tree that a view makes: what is in which directory and in which file, and since when.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use flom_core::snapshot::{Held, Holder, Resource, Waiter};
use flom_status::{Numbered, Peer};
use flom_types::{ResourceKind, SessionId, Time};
use nix::net::if_::if_indextoname;

use crate::node::{File, Node, Place};

/// What a view shows, in the places where users look for it.
#[derive(Debug)]
pub(crate) struct Tree {
    shown: Arc<Numbered>,
    /// Each connection in each place; in the listings it stands where it comes first.
    spots: HashMap<(Place, u64), Spot>,
    incubator: Listing,
    /// In the order of the resources of the view.
    lockers: Vec<Locker>,
    /// Where they are in that order, by their numbers.
    indices: HashMap<u64, usize>,
    listing: Listing,
    mounted: SystemTime,
}

/// Where a connection is.
#[derive(Debug)]
struct Spot {
    /// The resource, in the order of the view; of no meaning in the incubator.
    locker: usize,
    /// Where it stands among those who hold or wait.
    index: usize,
    /// On the clock of the daemon.
    since: Time,
    /// The same moment, in the words of the view that showed it first: no two of them agree on the
    /// millisecond.
    wall: SystemTime,
}

/// The numbers in a directory.
#[derive(Debug)]
struct Listing {
    numbers: Vec<u64>,
    /// When one of them has come or gone.
    changed: SystemTime,
}

/// A resource.
#[derive(Debug)]
struct Locker {
    /// As the first request that was seen names it: of a tree, the whole path.
    name: Vec<u8>,
    since: SystemTime,
    holders: Listing,
    waitings: Listing,
}

/// What the system wants to know of a file or directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) node: Node,
    /// In bytes; 0 of a directory.
    pub(crate) size: u64,
    pub(crate) created: SystemTime,
    pub(crate) changed: SystemTime,
}

impl Tree {
    /// What `shown` makes of the tree `before`, if there was one.
    pub(crate) fn new(shown: Arc<Numbered>, before: Option<&Self>, mounted: SystemTime) -> Self {
        let view = shown.view();
        let snapshot = view.snapshot();
        let taken = match before {
            Some(_) => view.wall_clock(snapshot.taken.time),
            None => mounted,
        };
        let mut spots = Spots {
            shown: &shown,
            before,
            spots: HashMap::new(),
        };
        let incubator = spots.list(Place::Incubator, 0, waiting(&snapshot.parked));
        let incubator = Listing::new(incubator, before.map(|tree| &tree.incubator), taken);
        let mut lockers = Vec::with_capacity(snapshot.resources.len());
        for (index, (resource, number)) in
            snapshot.resources.iter().zip(shown.numbers()).enumerate()
        {
            let before = before.and_then(|tree| tree.locker(*number));
            let holders = spots.list(Place::Holders, index, holding(&resource.holders));
            let waitings = spots.list(Place::Waitings, index, waiting(&resource.waiters));
            lockers.push(Locker {
                name: before.map_or_else(|| first_name(resource), |locker| locker.name.clone()),
                since: before.map_or(taken, |locker| locker.since),
                holders: Listing::new(holders, before.map(|locker| &locker.holders), taken),
                waitings: Listing::new(waitings, before.map(|locker| &locker.waitings), taken),
            });
        }
        let spots = spots.spots;
        let mut numbers = shown.numbers().to_vec();
        numbers.sort_unstable();
        Self {
            listing: Listing::new(numbers, before.map(|tree| &tree.listing), taken),
            indices: shown.numbers().iter().copied().zip(0..).collect(),
            shown,
            spots,
            incubator,
            lockers,
            mounted,
        }
    }

    /// What is called `name` in the directory `parent`.
    pub(crate) fn find(&self, parent: Node, name: &str) -> Option<Node> {
        let node = match parent {
            Node::Incubator => Node::Conn(Place::Incubator, number(name)?),
            Node::Lockers => Node::Locker(number(name)?),
            Node::Queue(locker, place) => {
                let conn = number(name)?;
                let spot = self.spots.get(&(place, conn))?;
                (self.indices.get(&locker) == Some(&spot.locker)).then_some(())?;
                Node::Conn(place, conn)
            }
            _ => {
                let children = self.children(parent)?;
                return children
                    .into_iter()
                    .find_map(|(theirs, node)| (theirs == name).then_some(node));
            }
        };
        self.facts(node).map(|_| node)
    }

    /// What is in a directory, by name; `None` if it is not there.
    pub(crate) fn children(&self, directory: Node) -> Option<Vec<(String, Node)>> {
        let named = |node: Node, name: &str| (name.to_owned(), node);
        Some(match directory {
            Node::Root => vec![named(Node::Status, "status")],
            Node::Status => vec![
                named(Node::Incubator, Place::Incubator.name()),
                named(Node::Lockers, "lockers"),
            ],
            Node::Incubator => numbered(&self.incubator, |n| Node::Conn(Place::Incubator, n)),
            Node::Lockers => numbered(&self.listing, Node::Locker),
            Node::Locker(number) => {
                self.locker(number)?;
                let file = |file: File| named(Node::LockerFile(number, file), file.name());
                let queue = |place: Place| named(Node::Queue(number, place), place.name());
                vec![
                    file(File::ResourceName),
                    file(File::ResourceType),
                    queue(Place::Holders),
                    queue(Place::Waitings),
                ]
            }
            Node::Queue(number, place) => {
                let listing = self.locker(number)?.listing(place);
                numbered(listing, |conn| Node::Conn(place, conn))
            }
            Node::Conn(place, conn) => {
                let files = self.files(place, conn)?;
                let file = |file: &File| named(Node::ConnFile(place, conn, *file), file.name());
                files.iter().map(file).collect()
            }
            Node::LockerFile(..) | Node::ConnFile(..) => return None,
        })
    }

    /// What is known about a node; `None` if it is not there.
    pub(crate) fn facts(&self, node: Node) -> Option<Facts> {
        let (created, changed) = match node {
            Node::Root | Node::Status => (self.mounted, self.mounted),
            Node::Incubator => (self.mounted, self.incubator.changed),
            Node::Lockers => (self.mounted, self.listing.changed),
            Node::Locker(number) | Node::LockerFile(number, _) => {
                let since = self.locker(number)?.since;
                (since, since)
            }
            Node::Queue(number, place) => {
                let locker = self.locker(number)?;
                (locker.since, locker.listing(place).changed)
            }
            Node::Conn(place, conn) | Node::ConnFile(place, conn, _) => {
                let since = self.spots.get(&(place, conn))?.wall;
                (since, since)
            }
        };
        let size = match node.is_directory() {
            true => 0,
            false => self.content(node)?.len(),
        };
        Some(Facts {
            node,
            size: u64::try_from(size).expect("what is in memory has a size"),
            created,
            changed,
        })
    }

    /// What is in a file; `None` if it is not there.
    pub(crate) fn content(&self, file: Node) -> Option<Vec<u8>> {
        match file {
            Node::LockerFile(number, file) => {
                let index = *self.indices.get(&number)?;
                let resource = &self.shown.view().snapshot().resources[index];
                Some(match file {
                    File::ResourceName => line(&self.lockers[index].name),
                    _ => line(resource.name.kind().to_string().as_bytes()),
                })
            }
            Node::ConnFile(place, conn, file) => {
                let files = self.files(place, conn)?;
                files.contains(&file).then_some(())?;
                let spot = &self.spots[&(place, conn)];
                Some(match place {
                    Place::Holders => self.of_holder(spot, file),
                    _ => self.of_waiter(self.waiter(place, spot), file),
                })
            }
            _ => None,
        }
    }

    fn locker(&self, number: u64) -> Option<&Locker> {
        Some(&self.lockers[*self.indices.get(&number)?])
    }

    fn resource(&self, spot: &Spot) -> &Resource {
        &self.shown.view().snapshot().resources[spot.locker]
    }

    fn waiter(&self, place: Place, spot: &Spot) -> &Waiter {
        let waiters = match place {
            Place::Incubator => &self.shown.view().snapshot().parked,
            _ => &self.resource(spot).waiters,
        };
        &waiters[spot.index]
    }

    /// The files of a connection; `None` if it is not there.
    fn files(&self, place: Place, conn: u64) -> Option<&'static [File]> {
        let spot = self.spots.get(&(place, conn))?;
        let kind = match place {
            Place::Incubator => {
                return Some(&[File::PeerName, File::ResourceName, File::ResourceType]);
            }
            _ => self.resource(spot).name.kind(),
        };
        Some(match (kind, place) {
            (ResourceKind::Simple | ResourceKind::Hierarchical, _) => {
                &[File::PeerName, File::LockMode]
            }
            (ResourceKind::Numeric { .. }, _) => &[File::PeerName, File::Quantity],
            (ResourceKind::Sequence { .. }, Place::Holders) => {
                &[File::PeerName, File::SequenceValue]
            }
            (ResourceKind::Timestamp { .. }, Place::Holders) => {
                &[File::PeerName, File::TimestampValue]
            }
            _ => &[File::PeerName],
        })
    }

    /// Who has locked several times has a line for each.
    fn of_holder(&self, spot: &Spot, file: File) -> Vec<u8> {
        let holders = &self.resource(spot).holders;
        let holder = &holders[spot.index];
        if file == File::PeerName {
            return self.peer_name(holder.session);
        }
        let own = holders[spot.index..]
            .iter()
            .filter(|other| other.session == holder.session);
        own.flat_map(|own| line(held(&own.held).as_bytes()))
            .collect()
    }

    fn of_waiter(&self, waiter: &Waiter, file: File) -> Vec<u8> {
        let request = &waiter.request;
        match file {
            File::PeerName => self.peer_name(waiter.session),
            File::ResourceName => line(request.resource.as_bytes()),
            File::ResourceType => line(request.resource.kind().to_string().as_bytes()),
            File::LockMode => line(request.mode.long_name().as_bytes()),
            File::Quantity => line(request.quantity.to_string().as_bytes()),
            // Whoever waits has none.
            File::SequenceValue | File::TimestampValue => Vec::new(),
        }
    }

    fn peer_name(&self, session: SessionId) -> Vec<u8> {
        line(peer_name(&self.shown.view().peer(session)).as_bytes())
    }
}

impl Locker {
    fn listing(&self, place: Place) -> &Listing {
        match place {
            Place::Waitings => &self.waitings,
            Place::Holders | Place::Incubator => &self.holders,
        }
    }
}

impl Listing {
    fn new(numbers: Vec<u64>, before: Option<&Self>, taken: SystemTime) -> Self {
        let same = before.filter(|before| before.numbers == numbers);
        Self {
            changed: same.map_or(taken, |before| before.changed),
            numbers,
        }
    }
}

/// Connections, while they are given their places.
struct Spots<'a> {
    shown: &'a Numbered,
    before: Option<&'a Tree>,
    spots: HashMap<(Place, u64), Spot>,
}

impl Spots<'_> {
    /// Gives the connections of a directory their places, and lists them.
    fn list(
        &mut self,
        place: Place,
        locker: usize,
        members: impl Iterator<Item = (SessionId, Time)>,
    ) -> Vec<u64> {
        let view = self.shown.view();
        let mut numbers = Vec::new();
        for (index, (session, since)) in members.enumerate() {
            let key = (place, view.peer(session).number);
            if self.spots.contains_key(&key) {
                continue; // it has locked several times
            }
            let same = self.before.and_then(|tree| tree.spots.get(&key));
            let same = same.filter(|spot| spot.since == since);
            let spot = Spot {
                locker,
                index,
                since,
                wall: same.map_or_else(|| view.wall_clock(since), |spot| spot.wall),
            };
            self.spots.insert(key, spot);
            numbers.push(key.1);
        }
        numbers
    }
}

fn holding(holders: &[Holder]) -> impl Iterator<Item = (SessionId, Time)> {
    holders.iter().map(|holder| (holder.session, holder.since))
}

fn waiting(waiters: &[Waiter]) -> impl Iterator<Item = (SessionId, Time)> {
    waiters.iter().map(|waiter| (waiter.session, waiter.since))
}

/// A tree goes by the first path in it that was asked for, as far as that is still to be seen.
fn first_name(resource: &Resource) -> Vec<u8> {
    let held = resource.holders.iter().filter_map(|holder| {
        let Held::Node { path, .. } = &holder.held else {
            return None;
        };
        Some((holder.since, path))
    });
    let asked = resource.waiters.iter();
    let asked = asked.map(|waiter| (waiter.since, &waiter.request.resource));
    let first = match resource.name.kind() {
        ResourceKind::Hierarchical => held.chain(asked).min_by_key(|(since, _)| *since),
        _ => None,
    };
    let name = first.map_or(&resource.name, |(_, name)| name);
    name.as_bytes().to_vec()
}

fn numbered(listing: &Listing, node: impl Fn(u64) -> Node) -> Vec<(String, Node)> {
    let numbers = listing.numbers.iter();
    numbers
        .map(|number| (number.to_string(), node(*number)))
        .collect()
}

/// The number that is written so, and not otherwise.
fn number(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then_some(number)
}

fn line(text: &[u8]) -> Vec<u8> {
    [text, b"\n"].concat()
}

fn held(held: &Held) -> String {
    match held {
        Held::Mode(mode) | Held::Node { mode, .. } => mode.long_name().to_owned(),
        Held::Units(units) => units.to_string(),
        Held::Number(number) => number.to_string(),
        Held::Element(text) | Held::Text(text) => text.clone(),
    }
}

/// `127.0.0.1/45292`, `fe80::1%eth0/45292`, `localhost/`.
fn peer_name(peer: &Peer) -> String {
    match peer.address {
        None => "localhost/".to_owned(),
        Some(SocketAddr::V6(address)) if address.scope_id() != 0 => {
            let index = address.scope_id();
            let interface = if_indextoname(index).ok();
            let interface = interface.and_then(|name| name.into_string().ok());
            let interface = interface.unwrap_or_else(|| index.to_string());
            format!("{}%{interface}/{}", address.ip(), address.port())
        }
        Some(address) => format!("{}/{}", address.ip(), address.port()),
    }
}

#[cfg(test)]
mod tests;
