//! What fits together, said once more for the tests.

use std::collections::BTreeSet;

use flom_core::Request;
use flom_types::{LockMode, ResourceKind, ResourceName, SessionId};

/// Something granted and not given back.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) session: SessionId,
    pub(crate) request: Request,
    /// What the grant named.
    pub(crate) element: Option<String>,
    /// Of a set, where in the name the element stands; where it is written twice side by side and
    /// it does not matter which of them it is, the first. Otherwise nothing.
    pub(crate) place: usize,
    /// The number of the grant.
    pub(crate) fence: u64,
    /// The number of the grant to somebody outside of which this is a part.
    pub(crate) lent_from: Option<u64>,
}

/// Whether the end of who holds that is remembered.
pub(crate) fn leaves_a_mark(request: &Request) -> bool {
    let kind = request.resource.kind();
    request.mode == LockMode::Exclusive
        && matches!(kind, ResourceKind::Simple | ResourceKind::Hierarchical)
}

/// The table of `spec/resources.md` §5, as it is printed there.
const TOGETHER: [&[u8; 6]; 6] = [
    b"++++++", // NL
    b"+++++-", // CR
    b"+++---", // CW
    b"++-+--", // PR
    b"++----", // PW
    b"+-----", // EX
];

fn go_together(one: LockMode, other: LockMode) -> bool {
    TOGETHER[usize::from(one.number())][usize::from(other.number())] == b'+'
}

/// Whether one path is the other or leads to it.
fn meet(one: &ResourceName, other: &ResourceName) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.levels().collect(), other.levels().collect());
    one.starts_with(&other) || other.starts_with(&one)
}

/// Whether of two requests for the same resource the one counts as passing the other.
pub(crate) fn conflict(one: &Request, other: &Request) -> bool {
    match one.resource.kind() {
        ResourceKind::Simple => !go_together(one.mode, other.mode),
        ResourceKind::Hierarchical => {
            meet(&one.resource, &other.resource) && !go_together(one.mode, other.mode)
        }
        _ => true,
    }
}

/// Whether all requests for such a resource are alike, so that nobody passes anybody.
pub(crate) fn all_alike(kind: ResourceKind) -> bool {
    matches!(
        kind,
        ResourceKind::Set | ResourceKind::Sequence { .. } | ResourceKind::Timestamp { .. }
    )
}

/// Whether those who hold the resource leave room for this request. The clock is not asked.
pub(crate) fn is_room<'a>(
    request: &Request,
    holders: impl IntoIterator<Item = &'a Request>,
) -> bool {
    let mut holders = holders.into_iter();
    match request.resource.kind() {
        ResourceKind::Simple | ResourceKind::Hierarchical => {
            !holders.any(|held| conflict(held, request))
        }
        ResourceKind::Numeric { units } => {
            let held: u64 = holders.map(|held| u64::from(held.quantity)).sum();
            held + u64::from(request.quantity) <= u64::from(units)
        }
        ResourceKind::Set => holders.count() < request.resource.elements().count(),
        ResourceKind::Sequence { holders: most, .. }
        | ResourceKind::Timestamp { holders: most } => holders.count() < most as usize,
    }
}

/// Which of the `held`, in order of the grants, `session` gives back by unlocking `name`.
pub(crate) fn given_back(held: &[Held], session: SessionId, name: &ResourceName) -> Option<usize> {
    let mut its_own = (0..held.len()).filter(|which| held[*which].session == session);
    match name.kind() {
        ResourceKind::Set => its_own.min_by_key(|which| held[*which].place),
        ResourceKind::Hierarchical => its_own
            .rev()
            .find(|which| held[*which].request.resource == *name),
        _ => its_own.next_back(),
    }
}

/// Whether no element is held oftener than it is written.
pub(crate) fn no_element_twice(name: &ResourceName, held: &[Held]) -> bool {
    let held: Vec<&Held> = held
        .iter()
        .filter(|held| held.lent_from.is_none())
        .collect();
    let elements: BTreeSet<&str> = held
        .iter()
        .filter_map(|held| held.element.as_deref())
        .collect();
    elements.into_iter().all(|element| {
        let written = name.elements().filter(|other| *other == element).count();
        let taken = held
            .iter()
            .filter(|held| held.element.as_deref() == Some(element))
            .count();
        taken <= written
    })
}
