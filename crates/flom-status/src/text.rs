//! A view as lines for people.
//!
//! ```text
//! 1 resource, 1 lock held, 1 request waiting
//!
//! db  simple
//!   holds    EX        12s  ann@alpha pid 812 "nightly" backup.sh --all
//!   waits 1  EX         3s  bob@beta pid 99 report
//! ```

use std::fmt::Write as _;

use flom_core::snapshot::{Holder, Resource, Waiter};
use flom_types::{ResourceKind, ResourceName};

use crate::document::Write;
use crate::view::View;
use crate::words::{Short, asked, count, held};

#[derive(Debug, Default)]
pub(crate) struct Text {
    only: Option<ResourceName>,
    shown: bool,
    /// Whether the line above the parked requests is there.
    parked: bool,
}

/// A string takes all that is written to it.
macro_rules! put {
    ($out:expr, $($what:tt)*) => {
        write!($out, $($what)*).expect("a string takes all that is written to it")
    };
}

impl Write for Text {
    fn head(&mut self, view: &View, only: Option<&ResourceName>, out: &mut String) {
        self.only = only.cloned();
        if only.is_some() {
            return;
        }
        let counts = view.counts();
        if counts.resources + counts.parked == 0 {
            put!(out, "nothing is locked, and nobody waits\n");
        } else {
            let held = count(counts.held, "lock");
            let waiting = count(counts.waiting, "request");
            put!(
                out,
                "{}, {held} held, {waiting} waiting",
                count(counts.resources, "resource")
            );
            if counts.parked > 0 {
                put!(out, ", {} parked", counts.parked);
            }
            put!(out, "\n");
        }
        if view.snapshot().draining {
            put!(out, "the daemon ends as soon as nobody holds or waits\n");
        }
    }

    fn resource(&mut self, view: &View, resource: &Resource, out: &mut String) {
        if self.only.is_none() {
            put!(out, "\n");
        }
        self.shown = true;
        put!(out, "{}  {}", resource.name, resource.name.kind());
        if let Some(room) = resource.room {
            let what = match resource.name.kind() {
                ResourceKind::Numeric { .. } => "units",
                ResourceKind::Set => "elements",
                _ => "places",
            };
            put!(out, ", {} of {} {what} free", room.free, room.total);
        }
        if let Some(tick) = resource.next_tick {
            let ms = view.until(tick).as_millis();
            put!(out, ", next one in {ms} ms");
        }
        match resource.idle_until {
            Some(until) => put!(
                out,
                ", idle, kept for {} ms\n",
                view.until(until).as_millis()
            ),
            None if resource.holders.is_empty() && resource.waiters.is_empty() => {
                let sessions = count(resource.sessions, "session");
                put!(out, ", not held, still in use by {sessions}\n");
            }
            None => put!(out, "\n"),
        }
    }

    fn holder(&mut self, view: &View, holder: &Holder, out: &mut String) {
        let since = Short(view.since(holder.since));
        let peer = view.peer(holder.session);
        put!(
            out,
            "  holds     {:<8} {since:>6}  {peer}\n",
            held(&holder.held)
        );
    }

    fn waiter(&mut self, view: &View, position: usize, waiter: &Waiter, out: &mut String) {
        let since = Short(view.since(waiter.since));
        let peer = view.peer(waiter.session);
        put!(
            out,
            "  waits {position:<3} {:<8} {since:>6}  {peer}\n",
            asked(waiter)
        );
    }

    fn parked(&mut self, view: &View, waiter: &Waiter, out: &mut String) {
        if !self.parked {
            self.parked = true;
            let gap = if self.only.is_none() { "\n" } else { "" };
            put!(out, "{gap}wait for a resource to be created\n");
        }
        self.shown = true;
        let since = Short(view.since(waiter.since));
        let (name, peer) = (&waiter.request.resource, view.peer(waiter.session));
        let what = match name.kind() {
            ResourceKind::Hierarchical => asked(waiter),
            _ => format!("{} of {name}", asked(waiter)),
        };
        put!(out, "  parked    {what:<8} {since:>6}  {peer}\n");
    }

    fn tail(&mut self, _view: &View, out: &mut String) {
        if let (Some(only), false) = (&self.only, self.shown) {
            put!(out, "{only}  does not exist, and nobody waits for it\n");
        }
    }
}
