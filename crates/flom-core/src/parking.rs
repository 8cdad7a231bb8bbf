//! Who waits for a resource that does not exist yet.

use std::collections::BTreeMap;

use flom_types::{ResourceName, SessionId, Time};

use crate::Request;
use crate::queue::Ticket;
use crate::snapshot::Waiter;

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
    pub(crate) since: Time,
}

impl Parking {
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.values().map(BTreeMap::len).sum()
    }

    /// Copies of all, in order of arrival.
    pub(crate) fn snapshot(&self) -> Vec<Waiter> {
        let all = self.places.values().flatten();
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(ticket, _)| **ticket);
        let copy = |(_, parked): (&Ticket, &Parked)| Waiter {
            session: parked.session,
            since: parked.since,
            request: parked.request.clone(),
            unpassable: false,
        };
        all.into_iter().map(copy).collect()
    }

    pub(crate) fn enter(&mut self, ticket: Ticket, parked: Parked) {
        let place = self
            .places
            .entry(parked.request.resource.tree().into())
            .or_default();
        place.insert(ticket, parked);
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
