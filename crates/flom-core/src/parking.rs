//! Who waits for a resource that does not exist yet.

use std::collections::BTreeMap;

use flom_types::{ResourceName, SessionId};

use crate::Request;
use crate::queue::Ticket;

/// Parked requests, by the resource (for a path, the tree) they wait for, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    places: BTreeMap<Box<[u8]>, BTreeMap<Ticket, Parked>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) session: SessionId,
    pub(crate) request: Request,
}

impl Parking {
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn enter(&mut self, ticket: Ticket, session: SessionId, request: Request) {
        let place = self
            .places
            .entry(request.resource.tree().into())
            .or_default();
        place.insert(ticket, Parked { session, request });
    }

    pub(crate) fn leave(&mut self, name: &ResourceName, ticket: Ticket) {
        if let Some(place) = self.places.get_mut(name.tree()) {
            place.remove(&ticket);
            if place.is_empty() {
                self.places.remove(name.tree());
            }
        }
    }

    /// Takes out all that wait for this resource.
    pub(crate) fn wake(&mut self, tree: &[u8]) -> impl Iterator<Item = Parked> + use<> {
        self.places.remove(tree).unwrap_or_default().into_values()
    }

    /// Takes out everybody.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = Parked> + use<> {
        let everybody: BTreeMap<_, _> = std::mem::take(&mut self.places)
            .into_values()
            .flatten()
            .collect();
        everybody.into_values()
    }
}
