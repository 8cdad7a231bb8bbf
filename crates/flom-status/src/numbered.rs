//! A view in which resources have numbers, as connections do.

use crate::View;

/// A view, and a number for each of its resources, by which those who look again know it again.
///
/// A resource keeps its number from view to view, and no other one gets it later.
#[derive(Clone, Debug, Default)]
pub struct Numbered {
    view: View,
    /// In the order of the resources.
    numbers: Vec<u64>,
}

impl Numbered {
    /// What `view` shows, some time after `before`: resources that were not there have numbers from
    /// `next`, which never gives one twice.
    pub fn new(view: View, before: Option<&Self>, mut next: impl FnMut() -> u64) -> Self {
        let resources = &view.snapshot().resources;
        let mut known = before.iter().flat_map(|before| before.iter()).peekable();
        let mut numbers = Vec::with_capacity(resources.len());
        // Both are ordered by name.
        for resource in resources {
            while known.next_if(|(name, _)| *name < &resource.name).is_some() {}
            let same = known.next_if(|(name, _)| *name == &resource.name);
            numbers.push(same.map_or_else(&mut next, |(_, number)| number));
        }
        Self { view, numbers }
    }

    /// The view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The numbers of the resources, in their order.
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    fn iter(&self) -> impl Iterator<Item = (&flom_types::ResourceName, u64)> {
        let resources = &self.view.snapshot().resources;
        let names = resources.iter().map(|resource| &resource.name);
        names.zip(self.numbers.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use flom_core::snapshot::{Resource, Snapshot};
    use flom_types::ResourceName;

    use super::*;

    fn view(names: &[&str]) -> View {
        let resource = |name: &&str| Resource {
            name: ResourceName::parse(name.as_bytes()).unwrap(),
            room: None,
            holders: Vec::new(),
            waiters: Vec::new(),
            sessions: 0,
            idle_until: None,
            next_tick: None,
        };
        let snapshot = Snapshot {
            resources: names.iter().map(resource).collect(),
            ..Snapshot::default()
        };
        View::new(snapshot, [])
    }

    #[test]
    fn a_resource_keeps_its_number_and_no_other_gets_it() {
        let mut last = 6;
        let mut next = || {
            last += 1;
            last
        };
        let first = Numbered::new(view(&["b", "d"]), None, &mut next);
        assert_eq!(first.numbers(), [7, 8]);
        let second = Numbered::new(view(&["a", "b", "c", "e"]), Some(&first), &mut next);
        assert_eq!(second.numbers(), [9, 7, 10, 11]);
        let third = Numbered::new(view(&["d", "e"]), Some(&second), &mut next);
        assert_eq!(third.numbers(), [12, 11]);
    }
}
