//! The places in the tree, and the numbers by which the system knows them.
//!
//! ```text
//!   inode:  ┌──────── number ────────┬─ code ─┐   number: of a resource or connection, never used
//!           │ 59 bits                │ 5 bits │   again, so an inode is not either; 0: what is
//!           └────────────────────────┴────────┘   always there
//! ```

/// Bits of an inode that say what of a resource or connection it is.
const CODE_BITS: u32 = 5;

/// Codes of what belongs to a connection begin here, as many as there are for each [`Place`].
const CONN_CODES: u64 = 8;

/// Where a connection can be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// Waits for a resource to be created.
    Incubator,
    /// Holds a resource.
    Holders,
    /// Waits in the queue of a resource.
    Waitings,
}

/// A file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum File {
    PeerName,
    ResourceName,
    ResourceType,
    LockMode,
    Quantity,
    SequenceValue,
    TimestampValue,
}

/// A directory or file. Those of a resource and of a connection have its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Node {
    Root,
    Status,
    Incubator,
    Lockers,
    Locker(u64),
    LockerFile(u64, File),
    /// Who holds or waits for a resource.
    Queue(u64, Place),
    Conn(Place, u64),
    ConnFile(Place, u64, File),
}

const PLACES: [Place; 3] = [Place::Incubator, Place::Holders, Place::Waitings];

const FILES: [File; 7] = [
    File::PeerName,
    File::ResourceName,
    File::ResourceType,
    File::LockMode,
    File::Quantity,
    File::SequenceValue,
    File::TimestampValue,
];

impl Place {
    /// The name of the directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Incubator => "incubator",
            Self::Holders => "holders",
            Self::Waitings => "waitings",
        }
    }
}

impl File {
    /// The name of the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PeerName => "peer_name",
            Self::ResourceName => "resource_name",
            Self::ResourceType => "resource_type",
            Self::LockMode => "lock_mode",
            Self::Quantity => "quantity",
            Self::SequenceValue => "sequence_value",
            Self::TimestampValue => "timestamp_value",
        }
    }
}

impl Node {
    /// Its inode.
    pub(crate) fn inode(self) -> u64 {
        let (number, code) = match self {
            Self::Root => (0, 1), // as the system wants it
            Self::Status => (0, 2),
            Self::Incubator => (0, 3),
            Self::Lockers => (0, 4),
            Self::Locker(number) => (number, 0),
            Self::LockerFile(number, File::ResourceType) => (number, 2),
            Self::LockerFile(number, _) => (number, 1),
            Self::Queue(number, Place::Waitings) => (number, 4),
            Self::Queue(number, _) => (number, 3),
            Self::Conn(place, number) => (number, CONN_CODES * (place as u64 + 1)),
            Self::ConnFile(place, number, file) => {
                (number, CONN_CODES * (place as u64 + 1) + 1 + file as u64)
            }
        };
        number << CODE_BITS | code
    }

    /// What has this inode.
    pub(crate) fn of_inode(inode: u64) -> Option<Self> {
        let (number, code) = (inode >> CODE_BITS, inode % (1 << CODE_BITS));
        Some(match (number, code) {
            (0, 1) => Self::Root,
            (0, 2) => Self::Status,
            (0, 3) => Self::Incubator,
            (0, 4) => Self::Lockers,
            (0, _) => return None,
            (_, 0) => Self::Locker(number),
            (_, 1) => Self::LockerFile(number, File::ResourceName),
            (_, 2) => Self::LockerFile(number, File::ResourceType),
            (_, 3) => Self::Queue(number, Place::Holders),
            (_, 4) => Self::Queue(number, Place::Waitings),
            (_, CONN_CODES..) => {
                let place = PLACES[usize::try_from(code / CONN_CODES - 1).ok()?];
                match usize::try_from(code % CONN_CODES).ok()?.checked_sub(1) {
                    None => Self::Conn(place, number),
                    Some(file) => Self::ConnFile(place, number, FILES[file]),
                }
            }
            _ => return None,
        })
    }

    /// Whether it is a directory.
    pub(crate) fn is_directory(self) -> bool {
        !matches!(self, Self::LockerFile(..) | Self::ConnFile(..))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all() -> Vec<Node> {
        let mut nodes = vec![Node::Root, Node::Status, Node::Incubator, Node::Lockers];
        for number in [1, 2, 1 << 58] {
            nodes.push(Node::Locker(number));
            nodes.extend(
                [File::ResourceName, File::ResourceType].map(|file| Node::LockerFile(number, file)),
            );
            nodes.extend([Place::Holders, Place::Waitings].map(|place| Node::Queue(number, place)));
            for place in PLACES {
                nodes.push(Node::Conn(place, number));
                nodes.extend(FILES.map(|file| Node::ConnFile(place, number, file)));
            }
        }
        nodes
    }

    #[test]
    fn each_has_an_inode_of_its_own_by_which_it_is_found() {
        let nodes = all();
        let inodes: HashSet<_> = nodes.iter().map(|node| node.inode()).collect();
        assert_eq!(inodes.len(), nodes.len());
        for node in nodes {
            assert_eq!(Node::of_inode(node.inode()), Some(node));
        }
        assert_eq!(Node::Root.inode(), 1);
    }

    #[test]
    fn no_inode_is_too_odd() {
        for inode in (0..4096).chain([u64::MAX, u64::MAX - 20]) {
            if let Some(node) = Node::of_inode(inode) {
                assert_eq!(node.inode(), inode);
            }
        }
    }
}
