//! The life of resources: who asks first creates them, and some time after the last has left they
//! are forgotten.

use flom_types::limits::{IDLE_BYTES, RETENTION_EXTRA_MS, RETENTION_MS};
use flom_types::{Now, Outcome, SessionId, Time};
use jiff::tz::TimeZone;

use super::{LockManager, ResourceId};
use crate::resource::{Rules, Unusable};
use crate::{CloseReason, Request, Step};

/// What a resource costs beside its name, in bytes, roughly.
const RESOURCE_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) name: Box<[u8]>,
    pub(super) rules: Rules,
    /// How many sessions hold it, wait for it or were its last users.
    pub(super) bound: usize,
    /// How long it is kept after the last of them has left.
    retention_ms: u64,
    pub(super) deadline: Option<Time>,
}

impl Resource {
    fn bytes(&self) -> usize {
        RESOURCE_BYTES + self.name.len()
    }
}

impl LockManager {
    pub(super) fn expire(&mut self, now: Now) {
        while let Some((time, id)) = self.deadlines.first().copied()
            && time <= now.time
        {
            if self.resources[id].bound > 0 {
                self.settle(now, id);
            } else {
                self.forget(id);
            }
        }
    }

    /// Forgets a resource that nobody uses.
    fn forget(&mut self, id: ResourceId) {
        self.set_deadline(id, None);
        let resource = self.resources.remove(id);
        self.idle_bytes -= resource.bytes();
        self.names.remove(&resource.name);
    }

    /// Forgets resources that nobody uses before their time, if there are too many.
    fn forget_surplus(&mut self) {
        while self.idle_bytes > IDLE_BYTES {
            let idle = |(_, id): &&(Time, ResourceId)| self.resources[*id].bound == 0;
            let Some((_, next)) = self.deadlines.iter().find(idle) else {
                return;
            };
            self.forget(*next);
        }
    }

    pub(super) fn create(&mut self, now: Now, id: SessionId, request: Request) {
        let zone = || TimeZone::clone(&self.zone);
        let rules = match Rules::new(&request.resource, zone, self.limit) {
            Ok(rules) => rules,
            Err(Unusable::NoTick) => return self.close(now, id, CloseReason::NoSuchResource),
            Err(Unusable::TextTooLong) => {
                self.drop_session(id);
                return self.answer(id, Step::First, Outcome::InvalidName);
            }
        };
        let name = request.resource.tree();
        let resource = self.resources.insert(Resource {
            name: name.into(),
            rules,
            bound: 0,
            retention_ms: match request.idle_lifespan_ms {
                0 => RETENTION_MS,
                lifespan => lifespan.saturating_add(RETENTION_EXTRA_MS),
            },
            deadline: None,
        });
        self.names.insert(name, resource);
        self.bind(id, resource);
        let woken = self.parking.wake(name);
        self.ask(now, id, resource, (request, now.time), Step::First);
        for parked in woken {
            self.session(parked.session).parked = None;
            self.bind(parked.session, resource);
            let asked = (parked.request, parked.since);
            self.ask(now, parked.session, resource, asked, Step::Later);
        }
    }

    pub(super) fn bind(&mut self, id: SessionId, to: ResourceId) {
        self.session(id).bound = Some(to);
        self.nest_bound(id, to);
        let resource = &mut self.resources[to];
        let was_idle = resource.bound == 0 && resource.deadline.is_some();
        resource.bound += 1;
        if was_idle {
            self.idle_bytes -= resource.bytes();
            self.set_deadline(to, None);
        }
    }

    pub(super) fn unbind(&mut self, now: Now, id: SessionId) {
        let Some(from) = self.session(id).bound.take() else {
            return;
        };
        self.no_longer_stopped(id, from);
        let resource = &mut self.resources[from];
        resource.bound -= 1;
        if resource.bound == 0 {
            let forgotten = now.time.after_ms(resource.retention_ms);
            self.idle_bytes += resource.bytes();
            self.set_deadline(from, Some(forgotten));
            self.forget_surplus();
        }
    }

    pub(super) fn set_deadline(&mut self, id: ResourceId, deadline: Option<Time>) {
        let resource = &mut self.resources[id];
        if resource.deadline == deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut resource.deadline, deadline) {
            self.deadlines.remove(&(old, id));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, id));
        }
    }
}
