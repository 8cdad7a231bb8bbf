//! Which resource has which name.

/// Finds resources by name, at a cost that does not depend on how many there are.
///
/// The one table here whose order differs from process to process; nobody can see it, since there
/// is no way to walk through it. Names come from peers, so the hash is one that they cannot
/// foresee.
#[derive(Debug, Default)]
pub(crate) struct Names<Id> {
    #[expect(clippy::disallowed_types, reason = "nothing depends on its order")]
    table: std::collections::HashMap<Box<[u8]>, Id>,
}

impl<Id: Copy> Names<Id> {
    pub(crate) fn get(&self, name: &[u8]) -> Option<Id> {
        self.table.get(name).copied()
    }

    /// A resource has come; the name was free.
    pub(crate) fn insert(&mut self, name: &[u8], id: Id) {
        let before = self.table.insert(name.into(), id);
        debug_assert!(before.is_none());
    }

    /// The resource of that name has gone.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.table.remove(name);
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}
