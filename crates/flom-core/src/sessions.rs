//! What is kept of each session.

use flom_types::SessionId;
use rustc_hash::FxHashMap;
use slab::Slab;

/// Finds what is kept of a session, at a cost that hardly depends on how many there are.
///
/// Sessions that came one after the other lie side by side, and so are near when they get their
/// turns one after the other. The order of the table cannot be seen: whoever walks, walks in order
/// of the places. Its hash is a plain one, as the daemon chooses the numbers of sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions<T> {
    places: FxHashMap<SessionId, usize>,
    kept: Slab<(SessionId, T)>,
}

impl<T: Default> Sessions<T> {
    pub(crate) fn get(&self, id: SessionId) -> Option<&T> {
        let place = *self.places.get(&id)?;
        Some(&self.kept[place].1)
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut T> {
        let place = *self.places.get(&id)?;
        Some(&mut self.kept[place].1)
    }

    /// What is kept of the session: nothing yet, if it is new.
    pub(crate) fn get_or_new(&mut self, id: SessionId) -> &mut T {
        let kept = &mut self.kept;
        let place = *self
            .places
            .entry(id)
            .or_insert_with(|| kept.insert((id, T::default())));
        &mut self.kept[place].1
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<T> {
        let place = self.places.remove(&id)?;
        let (_, kept) = self.kept.remove(place);
        Some(kept)
    }

    /// What is kept of a session is kept of `to` from now on, of whom nothing was.
    pub(crate) fn rename(&mut self, from: SessionId, to: SessionId) {
        if let Some(place) = self.places.remove(&from) {
            self.kept[place].0 = to;
            self.places.insert(to, place);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// All of them, in an order that depends on nothing but what has happened.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &T)> {
        self.kept.iter().map(|(_, (id, kept))| (*id, kept))
    }
}
