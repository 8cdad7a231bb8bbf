//! Trees of all that a lock manager can keep.

use std::time::{Duration, UNIX_EPOCH};

use flom_core::{Event, Fairness, LockManager, Request};
use flom_status::View;
use flom_types::{LockMode, Now, ResourceName};

use super::*;

/// A daemon, and the tree that shows it.
struct Scene {
    manager: LockManager,
    now: Now,
    numbers: u64,
    tree: Tree,
}

fn request(name: &str) -> Request {
    Request {
        resource: ResourceName::parse(name.as_bytes()).unwrap(),
        mode: LockMode::Exclusive,
        quantity: 1,
        wait: true,
        create: true,
        idle_lifespan_ms: 0,
    }
}

impl Scene {
    fn new() -> Self {
        Self {
            manager: LockManager::with_zone_on_demand(Fairness::Fifo, || {
                unreachable!("no timestamp is asked for")
            }),
            now: Now {
                time: Time(1000),
                wall_us: 1_000_000_000_000,
            },
            numbers: 100,
            tree: Tree::new(Arc::default(), None, UNIX_EPOCH),
        }
    }

    fn ask(&mut self, session: u64, request: Request) {
        let session = SessionId(session);
        self.event(Event::Lock {
            session,
            request,
            nesting: None,
        });
    }

    fn event(&mut self, event: Event) {
        self.manager.handle(self.now, event).for_each(drop);
    }

    fn pass(&mut self, ms: u64) {
        self.now.time = self.now.time.after_ms(ms);
        self.now.wall_us += i64::try_from(ms).unwrap() * 1000;
    }

    /// Connections 1 to 9, of which 7 to 9 come over the network.
    fn look(&mut self) -> &Tree {
        let addresses = [(7, "127.0.0.1:45292"), (8, "[::1]:5"), (9, "[fe80::2%1]:7")];
        let peers = (1..=9).map(|number| {
            let address = addresses.iter().find(|(n, _)| *n == number);
            let peer = Peer {
                number,
                address: address.map(|(_, text)| text.parse().unwrap()),
                who: None,
                is_lost: false,
            };
            (SessionId(number), peer)
        });
        let view = View::new(self.manager.snapshot(self.now), peers);
        let numbers = &mut self.numbers;
        let next = || {
            *numbers += 1;
            *numbers
        };
        let shown = Arc::new(Numbered::new(view, Some(&self.tree.shown), next));
        self.tree = Tree::new(shown, Some(&self.tree), UNIX_EPOCH);
        &self.tree
    }
}

/// Every path below `status`, with the content of a file, in the order of the listings. Each is
/// looked up by its name, too.
fn paths(tree: &Tree) -> Vec<String> {
    fn walk(tree: &Tree, directory: Node, path: &str, found: &mut Vec<String>) {
        for (name, node) in tree.children(directory).unwrap() {
            assert_eq!(tree.find(directory, &name), Some(node), "{path}/{name}");
            assert_eq!(Node::of_inode(node.inode()), Some(node));
            let path = format!("{path}/{name}");
            let facts = tree.facts(node).unwrap();
            match tree.content(node) {
                Some(content) => {
                    assert_eq!(facts.size, content.len() as u64);
                    let text = String::from_utf8(content).unwrap();
                    found.push(format!("{path} {text:?}"));
                }
                None => {
                    assert_eq!(facts.size, 0);
                    found.push(path.clone());
                    walk(tree, node, &path, found);
                }
            }
        }
    }
    let status = tree.find(Node::Root, "status").unwrap();
    let mut found = Vec::new();
    walk(tree, status, "", &mut found);
    found
}

#[test]
fn nothing_is_there_when_nothing_is_kept() {
    assert_eq!(paths(Scene::new().look()), ["/incubator", "/lockers"]);
}

#[test]
fn a_numeric_resource_has_a_holder_and_two_waiters() {
    let mut scene = Scene::new();
    for (session, quantity) in [(4, 3), (6, 2), (7, 4)] {
        scene.ask(
            session,
            Request {
                quantity,
                ..request("foo[4]")
            },
        );
    }
    let expected = [
        "/incubator",
        "/lockers",
        "/lockers/101",
        "/lockers/101/resource_name \"foo[4]\\n\"",
        "/lockers/101/resource_type \"numeric\\n\"",
        "/lockers/101/holders",
        "/lockers/101/holders/4",
        "/lockers/101/holders/4/peer_name \"localhost/\\n\"",
        "/lockers/101/holders/4/quantity \"3\\n\"",
        "/lockers/101/waitings",
        "/lockers/101/waitings/6",
        "/lockers/101/waitings/6/peer_name \"localhost/\\n\"",
        "/lockers/101/waitings/6/quantity \"2\\n\"",
        "/lockers/101/waitings/7",
        "/lockers/101/waitings/7/peer_name \"127.0.0.1/45292\\n\"",
        "/lockers/101/waitings/7/quantity \"4\\n\"",
    ];
    assert_eq!(paths(scene.look()), expected);
}

/// The files of everybody, without the resources and the names of peers.
fn values(tree: &Tree) -> Vec<String> {
    let mut paths = paths(tree);
    paths.retain(|path| path.contains('"') && !path.contains("peer_name"));
    paths.retain(|path| !path.contains("/resource_"));
    paths
}

#[test]
fn each_kind_of_resource_shows_what_is_held_of_it() {
    let table: [(&str, &[&str]); 4] = [
        (
            "bar",
            &[
                "/lockers/101/holders/1/lock_mode \"Exclusive\\n\"",
                "/lockers/101/waitings/2/lock_mode \"Exclusive\\n\"",
            ],
        ),
        (
            "/a",
            &[
                "/lockers/101/holders/1/lock_mode \"Exclusive\\n\"",
                "/lockers/101/waitings/2/lock_mode \"Exclusive\\n\"",
            ],
        ),
        ("red.green", &[]),
        (
            "_s_seq[1]",
            &["/lockers/101/holders/1/sequence_value \"1\\n\""],
        ),
    ];
    for (name, expected) in table {
        let mut scene = Scene::new();
        scene.ask(1, request(name));
        scene.ask(2, request(name));
        assert_eq!(values(scene.look()), expected, "{name}");
    }
}

#[test]
fn a_peer_goes_by_its_address() {
    let mut scene = Scene::new();
    for session in [8, 9] {
        scene.ask(session, request("db"));
    }
    let tree = scene.look();
    let name = |place, conn| {
        let content = tree.content(Node::ConnFile(place, conn, File::PeerName));
        String::from_utf8(content.unwrap()).unwrap()
    };
    assert_eq!(name(Place::Holders, 8), "::1/5\n");
    assert_eq!(name(Place::Waitings, 9), "fe80::2%lo/7\n");
}

#[test]
fn who_waits_for_a_resource_to_be_created_is_in_the_incubator_and_leaves_it() {
    let mut scene = Scene::new();
    let parked = |name| Request {
        create: false,
        ..request(name)
    };
    scene.ask(1, parked("db"));
    scene.ask(2, parked("other[3]"));
    let expected = [
        "/incubator",
        "/incubator/1",
        "/incubator/1/peer_name \"localhost/\\n\"",
        "/incubator/1/resource_name \"db\\n\"",
        "/incubator/1/resource_type \"simple\\n\"",
        "/incubator/2",
        "/incubator/2/peer_name \"localhost/\\n\"",
        "/incubator/2/resource_name \"other[3]\\n\"",
        "/incubator/2/resource_type \"numeric\\n\"",
        "/lockers",
    ];
    assert_eq!(paths(scene.look()), expected);
    scene.event(Event::Gone {
        session: SessionId(2),
    });
    scene.ask(3, request("db"));
    let tree = scene.look();
    assert_eq!(tree.children(Node::Incubator), Some(Vec::new()));
    let waitings = Node::Queue(101, Place::Waitings);
    assert_eq!(
        tree.find(waitings, "1"),
        Some(Node::Conn(Place::Waitings, 1))
    );
}

#[test]
fn a_resource_keeps_number_name_and_times() {
    let mut scene = Scene::new();
    scene.ask(1, request("/a/b"));
    scene.ask(2, request("/a/c"));
    let began = scene.look().facts(Node::Locker(101)).unwrap().created;
    scene.pass(500);
    scene.event(Event::Gone {
        session: SessionId(1),
    });
    let tree = scene.look();
    let name = tree.content(Node::LockerFile(101, File::ResourceName));
    assert_eq!(name.unwrap(), b"/a/b\n");
    let changed = |node| tree.facts(node).unwrap().changed;
    assert_eq!(changed(Node::Locker(101)), began);
    let holders = Node::Queue(101, Place::Holders);
    assert_eq!(changed(holders), began + Duration::from_millis(500));
    assert_eq!(changed(Node::Queue(101, Place::Waitings)), began);
    assert_eq!(changed(Node::Lockers), began);
    assert_eq!(changed(Node::Conn(Place::Holders, 2)), began);
    assert_eq!(changed(Node::Root), UNIX_EPOCH);
}

#[test]
fn who_has_locked_several_times_is_there_once() {
    let mut scene = Scene::new();
    for mode in [LockMode::ConcurrentRead, LockMode::ProtectedRead] {
        scene.ask(
            1,
            Request {
                mode,
                ..request("db")
            },
        );
    }
    let tree = scene.look();
    let holders = Node::Queue(101, Place::Holders);
    assert_eq!(tree.children(holders).unwrap().len(), 1);
    let modes = tree.content(Node::ConnFile(Place::Holders, 1, File::LockMode));
    assert_eq!(modes.unwrap(), b"ConcurrentRead\nProtectedRead\n");
}

#[test]
fn names_are_only_what_a_listing_shows() {
    let mut scene = Scene::new();
    scene.ask(1, request("db"));
    scene.ask(2, request("other"));
    let tree = scene.look();
    for (parent, name) in [
        (Node::Root, "incubator"),
        (Node::Lockers, "0101"),
        (Node::Lockers, "+101"),
        (Node::Lockers, "1"),
        (Node::Incubator, "1"),
        (Node::Queue(101, Place::Holders), "2"),
        (Node::Queue(101, Place::Waitings), "1"),
        (Node::Conn(Place::Holders, 1), "quantity"),
        (Node::LockerFile(101, File::ResourceName), "x"),
    ] {
        assert_eq!(tree.find(parent, name), None, "{name}");
    }
    for gone in [
        Node::Locker(9),
        Node::Queue(9, Place::Holders),
        Node::Conn(Place::Holders, 9),
    ] {
        assert_eq!((tree.facts(gone), tree.children(gone)), (None, None));
    }
    let odd = Node::ConnFile(Place::Holders, 1, File::Quantity);
    assert_eq!((tree.facts(odd), tree.content(odd)), (None, None));
}
