//! Sets: one of several elements, each for one holder (`spec/resources.md` §6.2).

use std::collections::BTreeSet;
use std::ops::Range;

use flom_types::{ResourceName, SessionId};

use super::{Grant, Hold, Holding, Verdict};
use crate::queue::{Line, Ticket};

/// Elements, by their place in the name: one written twice can be held twice.
///
/// All requests are alike, so nobody passes anybody.
#[derive(Debug)]
pub(crate) struct Set {
    name: ResourceName,
    /// Where in the name each element begins and ends.
    elements: Box<[Range<u16>]>,
    free: BTreeSet<u32>,
    /// Where the search for a free element begins; one further with every grant.
    cursor: u32,
    line: Line,
}

impl Set {
    pub(crate) fn new(name: &ResourceName) -> Self {
        let mut end = 0_u16;
        let elements: Box<[Range<u16>]> = name
            .elements()
            .map(|element| {
                let begin = end;
                end += u16::try_from(element.len()).expect("a name is shorter than 64 KiB") + 1;
                begin..end - 1
            })
            .collect();
        let count = u32::try_from(elements.len()).expect("a name is shorter than 64 KiB");
        Self {
            name: name.clone(),
            elements,
            free: (0..count).collect(),
            cursor: 0,
            line: Line::default(),
        }
    }

    pub(crate) fn ask(&mut self) -> Verdict {
        match self.take() {
            Some((hold, element)) => Verdict::Granted(hold, Some(element)),
            None => Verdict::NotNow,
        }
    }

    /// Takes the first free element at or after the cursor, going round.
    fn take(&mut self) -> Option<(Hold, String)> {
        let ahead = self.free.range(self.cursor..).next();
        let place = *ahead.or_else(|| self.free.first())?;
        self.free.remove(&place);
        self.cursor = (self.cursor + 1) % u32::try_from(self.elements.len()).ok()?;
        Some((Hold::Element(place), self.element(place)))
    }

    /// The element at that place of the name.
    pub(crate) fn element(&self, place: u32) -> String {
        let Range { start, end } = self.elements[place as usize];
        let element = &self.name.as_bytes()[start.into()..end.into()];
        let element = str::from_utf8(element).expect("a set's name is ASCII");
        element.to_owned()
    }

    pub(crate) fn places(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn free(&self) -> u32 {
        u32::try_from(self.free.len()).expect("a name is shorter than 64 KiB")
    }

    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.line.tickets()
    }

    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId) {
        self.line.push(ticket, session);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.line.remove(ticket);
    }

    pub(crate) fn release(&mut self, place: u32) {
        self.free.insert(place);
    }

    pub(crate) fn settle(&mut self, grants: &mut Vec<Grant>) {
        while let Some((ticket, session)) = self.line.head()
            && let Some((hold, element)) = self.take()
        {
            self.line.remove(ticket);
            grants.push(Grant {
                session,
                hold,
                element: Some(element),
            });
        }
    }

    /// Of several elements that a session holds, it gives back the one earliest in the name.
    pub(crate) fn pick(holds: &[Holding]) -> Option<usize> {
        let place = |holding: &Holding| match &holding.hold {
            Hold::Element(place) => *place,
            _ => u32::MAX,
        };
        (0..holds.len()).min_by_key(|which| place(&holds[*which]))
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.free.is_empty() || self.line.is_empty()
    }
}
