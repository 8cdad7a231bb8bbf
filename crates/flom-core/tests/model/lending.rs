//! What is granted once more to commands inside of its holder, said once more for the tests.

use flom_core::Request;
use flom_types::{LockMode, ResourceKind, SessionId};

use crate::rules::{Held, conflict};

/// Whether there is so and so much of such a resource, rather than modes that go together.
pub(crate) fn is_counted(request: &Request) -> bool {
    let kind = request.resource.kind();
    !matches!(kind, ResourceKind::Simple | ResourceKind::Hierarchical)
}

/// Whether it takes something that nobody else has.
pub(crate) fn takes(held: &Held) -> bool {
    held.lent_from.is_none() || !is_counted(&held.request)
}

/// The requests of those who take something.
pub(crate) fn takers(held: &[Held]) -> impl Iterator<Item = &Request> {
    held.iter()
        .filter(|held| takes(held))
        .map(|held| &held.request)
}

/// What one of those has, the first of them and the latest of its grants, that is enough for the
/// request.
pub(crate) fn lender<'a>(
    held: &'a [Held],
    those: &[SessionId],
    request: &Request,
) -> Option<&'a Held> {
    let of = |session: &SessionId| {
        let mut latest_first = held.iter().rev();
        latest_first.find(|held| held.session == *session && is_enough(&held.request, request))
    };
    those.iter().find_map(of)
}

fn is_enough(held: &Request, asked: &Request) -> bool {
    match asked.resource.kind() {
        ResourceKind::Simple | ResourceKind::Hierarchical => {
            let with = |request: &Request, mode| {
                let resource = asked.resource.clone();
                let request = Request {
                    resource,
                    ..request.clone()
                };
                let other = Request {
                    mode,
                    ..request.clone()
                };
                conflict(&request, &other)
            };
            let (above, below): (Vec<_>, Vec<_>) = (
                held.resource.levels().collect(),
                asked.resource.levels().collect(),
            );
            let mut modes = LockMode::ALL.into_iter();
            below.starts_with(&above) && modes.all(|mode| !with(asked, mode) || with(held, mode))
        }
        ResourceKind::Numeric { .. } => asked.quantity <= held.quantity,
        _ => true,
    }
}

/// The number of the grant that it all comes from.
pub(crate) fn root(held: &Held) -> u64 {
    held.lent_from.unwrap_or(held.fence)
}

/// Somebody gives something back; what that was, if nobody else keeps it.
pub(crate) fn give_back(held: &mut Vec<Held>, which: usize) -> Option<Held> {
    let gone = held.remove(which);
    if !is_counted(&gone.request) {
        return Some(gone);
    }
    if gone.lent_from.is_some() {
        return None;
    }
    let mut heirs: Vec<&mut Held> = held
        .iter_mut()
        .filter(|held| held.lent_from == Some(gone.fence))
        .collect();
    let most = heirs.iter().map(|heir| heir.request.quantity).max();
    let Some((heir, others)) = heirs.split_first_mut() else {
        return Some(gone);
    };
    heir.lent_from = None;
    heir.request.quantity = most.unwrap_or(0);
    for other in others {
        other.lent_from = Some(heir.fence);
    }
    None
}
