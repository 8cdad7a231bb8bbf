//! What is shown to the system: the tree of the latest view, and what somebody has open.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use flom_status::Numbered;

use crate::node::Node;
use crate::tree::{Facts, Tree};

/// Shows the views that `V` gives: the latest, or none if it knows no later one than before.
pub(crate) struct Gallery<V> {
    views: V,
    tree: Tree,
    mounted: SystemTime,
    /// By handle.
    open: HashMap<u64, Opened>,
    last_handle: u64,
}

/// Something that is open stays as it was when it was opened.
enum Opened {
    File {
        facts: Facts,
        content: Vec<u8>,
    },
    /// Or, if it is read from the start, as it was then.
    Directory {
        directory: Node,
        entries: Vec<(String, Node)>,
    },
}

impl<V: FnMut() -> Option<Arc<Numbered>>> Gallery<V> {
    /// Nothing is there before the first view.
    pub(crate) fn new(views: V, mounted: SystemTime) -> Self {
        Self {
            views,
            tree: Tree::new(Arc::default(), None, mounted),
            mounted,
            open: HashMap::new(),
            last_handle: 0,
        }
    }

    /// What is called `name` in the directory `parent`.
    pub(crate) fn find(&mut self, parent: u64, name: &str) -> Option<Facts> {
        let tree = self.latest();
        let node = tree.find(Node::of_inode(parent)?, name)?;
        tree.facts(node)
    }

    /// What is known about what has this inode, and is there or still open.
    pub(crate) fn facts(&mut self, inode: u64) -> Option<Facts> {
        let node = Node::of_inode(inode)?;
        let facts = self.latest().facts(node);
        let mut open = self.open.values();
        facts.or_else(|| {
            open.find_map(|opened| match opened {
                Opened::File { facts, .. } if facts.node == node => Some(*facts),
                _ => None,
            })
        })
    }

    /// Opens a file: the handle.
    pub(crate) fn open_file(&mut self, inode: u64) -> Option<u64> {
        let node = Node::of_inode(inode)?;
        let tree = self.latest();
        let (facts, content) = (tree.facts(node)?, tree.content(node)?);
        Some(self.keep(Opened::File { facts, content }))
    }

    /// At most `size` bytes of an open file; none behind its end.
    pub(crate) fn read(&self, handle: u64, offset: u64, size: u32) -> Option<&[u8]> {
        let Some(Opened::File { content, .. }) = self.open.get(&handle) else {
            return None;
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = content.get(offset..).unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Some(&rest[..rest.len().min(size)])
    }

    /// Opens a directory: the handle.
    pub(crate) fn open_directory(&mut self, inode: u64) -> Option<u64> {
        let directory = Node::of_inode(inode)?;
        let entries = self.latest().children(directory)?;
        Some(self.keep(Opened::Directory { directory, entries }))
    }

    /// What is in an open directory, by name, from the one at `offset` on. Read from the start, it
    /// is looked at anew.
    pub(crate) fn list(&mut self, handle: u64, offset: usize) -> Option<&[(String, Node)]> {
        let Some(Opened::Directory { directory, .. }) = self.open.get(&handle) else {
            return None;
        };
        let directory = *directory;
        let anew = (offset == 0).then(|| self.latest().children(directory).unwrap_or_default());
        let Some(Opened::Directory { entries, .. }) = self.open.get_mut(&handle) else {
            return None;
        };
        if let Some(children) = anew {
            let itself = [".", ".."].map(|name| (name.to_owned(), directory));
            *entries = itself.into_iter().chain(children).collect();
        }
        Some(entries.get(offset..).unwrap_or_default())
    }

    /// Closes what was opened.
    pub(crate) fn close(&mut self, handle: u64) {
        self.open.remove(&handle);
    }

    fn keep(&mut self, opened: Opened) -> u64 {
        self.last_handle += 1;
        self.open.insert(self.last_handle, opened);
        self.last_handle
    }

    fn latest(&mut self) -> &Tree {
        if let Some(view) = (self.views)() {
            self.tree = Tree::new(view, Some(&self.tree), self.mounted);
        }
        &self.tree
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use flom_core::{Event, Fairness, LockManager, Request};
    use flom_status::View;
    use flom_types::{LockMode, Now, ResourceName, SessionId};

    use super::*;
    use crate::node::{File, Place};

    /// A view of a daemon where session 1 has asked for so many units.
    fn view(units: u32) -> Arc<Numbered> {
        let mut manager = LockManager::with_zone_on_demand(Fairness::Fifo, || unreachable!());
        if units > 0 {
            let request = Request {
                resource: ResourceName::parse(b"db[100]").unwrap(),
                mode: LockMode::Exclusive,
                quantity: units,
                wait: true,
                create: true,
                idle_lifespan_ms: 0,
            };
            let session = SessionId(1);
            let event = Event::Lock {
                session,
                request,
                nesting: None,
            };
            manager.handle(Now::default(), event).for_each(drop);
        }
        let view = View::new(manager.snapshot(Now::default()), []);
        Arc::new(Numbered::new(view, None, || 7))
    }

    fn gallery(views: Vec<u32>) -> Gallery<impl FnMut() -> Option<Arc<Numbered>>> {
        let mut views = views.into_iter();
        Gallery::new(move || Some(view(views.next()?)), UNIX_EPOCH)
    }

    const QUANTITY: Node = Node::ConnFile(Place::Holders, 1, File::Quantity);

    #[test]
    fn a_file_stays_as_it_was_when_it_was_opened() {
        let mut gallery = gallery(vec![3, 55, 0]);
        let handle = gallery.open_file(QUANTITY.inode()).unwrap();
        assert_eq!(gallery.facts(QUANTITY.inode()).unwrap().size, 3);
        assert_eq!(gallery.read(handle, 0, 10), Some(&b"3\n"[..]));
        assert_eq!(gallery.read(handle, 1, 10), Some(&b"\n"[..]));
        assert_eq!(gallery.read(handle, 0, 1), Some(&b"3"[..]));
        assert_eq!(gallery.read(handle, u64::MAX, 10), Some(&b""[..]));
        // It is not there any more, but still open.
        assert_eq!(gallery.facts(QUANTITY.inode()).unwrap().size, 2);
        gallery.close(handle);
        assert_eq!(gallery.facts(QUANTITY.inode()), None);
        assert_eq!(gallery.read(handle, 0, 10), None);
    }

    #[test]
    fn what_was_there_last_is_shown_while_there_is_no_later_view() {
        let mut gallery = gallery(vec![3]);
        for _ in 0..3 {
            assert_eq!(gallery.facts(QUANTITY.inode()).unwrap().size, 2);
        }
        assert_eq!(gallery.open_file(Node::Root.inode()), None);
        assert_eq!(gallery.open_directory(QUANTITY.inode()), None);
        assert_eq!(gallery.find(0, "status"), None);
    }

    #[test]
    fn a_directory_is_read_as_it_was_when_its_start_was_read() {
        let mut gallery = gallery(vec![0, 3, 0]);
        let handle = gallery.open_directory(Node::Lockers.inode()).unwrap();
        let names = |entries: Option<&[(String, Node)]>| {
            let names = entries.unwrap().iter().map(|(name, _)| name.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(gallery.list(handle, 0)), ". .. 7");
        assert_eq!(names(gallery.list(handle, 2)), "7");
        assert_eq!(names(gallery.list(handle, 3)), "");
        assert_eq!(names(gallery.list(handle, 9)), "");
        assert_eq!(names(gallery.list(handle, 0)), ". ..");
        assert_eq!(gallery.list(handle + 1, 0), None);
    }
}
