//! How the last exclusive holder of each resource has ended.
//!
//! Who ended well is remembered with the resource (of a tree, with the node) and as long as that.
//! Who did not is remembered here, by name, until an exclusive holder ends well.

use std::collections::BTreeMap;

use flom_types::limits::DIRTY_BYTES;
use flom_types::{Previous, ResourceName};

use super::{LockManager, ResourceId};
use crate::resource::Hold;

/// The bad ends.
#[derive(Debug, Default)]
pub(super) struct Marks {
    dirty: BTreeMap<ResourceName, Mark>,
    /// The same names, the oldest mark first.
    by_age: BTreeMap<u64, ResourceName>,
    next_number: u64,
    bytes: usize,
    is_changed: bool,
}

#[derive(Debug)]
struct Mark {
    how: Previous,
    number: u64,
}

/// What a mark costs beside its name, in bytes, roughly.
const MARK_BYTES: usize = 256;

fn bytes(name: &ResourceName) -> usize {
    MARK_BYTES + name.as_bytes().len()
}

impl Marks {
    /// Whether there are any.
    pub(super) fn are_there(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn set(&mut self, name: ResourceName, how: Previous) {
        self.is_changed = true;
        self.take_out(&name);
        self.bytes += bytes(&name);
        let number = self.next_number;
        self.next_number += 1;
        self.by_age.insert(number, name.clone());
        self.dirty.insert(name, Mark { how, number });
        while self.bytes > DIRTY_BYTES
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            let oldest = oldest.clone();
            self.take_out(&oldest);
        }
    }

    fn clear(&mut self, name: &ResourceName) {
        self.is_changed |= self.take_out(name);
    }

    fn take_out(&mut self, name: &ResourceName) -> bool {
        let Some(mark) = self.dirty.remove(name) else {
            return false;
        };
        self.by_age.remove(&mark.number);
        self.bytes -= bytes(name);
        true
    }
}

impl LockManager {
    /// Remembers how exclusive holders have ended before this manager began, the oldest first: what
    /// [`dirty`](Self::dirty) said.
    pub fn restore(&mut self, previous: impl IntoIterator<Item = (ResourceName, Previous)>) {
        for (name, how) in previous {
            if how.is_dirty() {
                self.marks.set(name, how);
            }
        }
        self.marks.is_changed = false;
    }

    /// The resources and paths whose last exclusive holder has ended badly, and how, the oldest
    /// first.
    pub fn dirty(&self) -> impl Iterator<Item = (ResourceName, Previous)> {
        let names = self.marks.by_age.values();
        names.map(|name| (name.clone(), self.marks.dirty[name].how))
    }

    /// Whether [`dirty`](Self::dirty) says something else than when this was asked last.
    pub fn take_dirty_changed(&mut self) -> bool {
        std::mem::take(&mut self.marks.is_changed)
    }

    /// Remembers how the exclusive holder ended who has just given back `hold`. What was lent to it
    /// by one outside of it is that one's business: it matters only if it has outlived that one, and
    /// ends badly.
    pub(super) fn mark(&mut self, on: ResourceId, hold: Hold, is_lent: bool, how: Previous) {
        let resource = &mut self.resources[on];
        if is_lent && (!how.is_dirty() || resource.rules.is_exclusive(hold)) {
            return;
        }
        resource.rules.set_released(hold, !how.is_dirty());
        if how.is_dirty() {
            let name = resource.rules.name_of(&resource.name, hold);
            self.marks.set(name, how);
        } else if !self.marks.dirty.is_empty() {
            let name = resource.rules.name_of(&resource.name, hold);
            self.marks.clear(&name);
        }
    }

    /// How the last exclusive holder of what is granted has ended.
    pub(super) fn previous(&self, on: ResourceId, hold: Hold) -> Previous {
        let resource = &self.resources[on];
        if !self.marks.dirty.is_empty() && matches!(hold, Hold::Mode(_) | Hold::Node { .. }) {
            let name = resource.rules.name_of(&resource.name, hold);
            if let Some(mark) = self.marks.dirty.get(&name) {
                return mark.how;
            }
        }
        match resource.rules.was_released(hold) {
            true => Previous::Released,
            false => Previous::None,
        }
    }
}
