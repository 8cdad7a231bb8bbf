//! What the trace shows of the daemon's work at its seams: bytes, messages, events, actions.
//!
//! The lock manager writes no lines of its own: what it is told and what it wants done is all there
//! is to know of it. With no trace wanted, each function is a comparison or two.

use std::fmt::{Arguments, Display};

use flom_core::{Action, Event};
use flom_proto::{DecodeError, Message, pieces};
use flom_types::{Printable, ResourceName, SessionId, target};
use log::Level::Trace;
use log::{log_enabled, trace};

use crate::conns::number;

/// Bytes that a client has sent.
pub(crate) fn received(session: SessionId, bytes: &[u8]) {
    wire(session, "received", bytes);
}

/// Bytes that a client's socket has taken.
pub(crate) fn sent(session: SessionId, bytes: &[u8]) {
    wire(session, "sent", bytes);
}

fn wire(session: SessionId, what: &str, bytes: &[u8]) {
    if log_enabled!(target: target::WIRE, Trace) {
        let session = number(session);
        for piece in pieces(bytes) {
            let (length, text) = (piece.len(), Printable(piece));
            trace!(target: target::WIRE, "session={session} {what} {length} bytes: {text}");
        }
    }
}

/// A datagram; `what` says whether it came `from` `peer` or went `to` it.
pub(crate) fn datagram(what: &str, peer: impl Display, datagram: &[u8]) {
    let (length, text) = (datagram.len(), Printable(datagram));
    trace!(target: target::WIRE, "datagram {what} {peer}, {length} bytes: {text}");
}

/// What a client says.
pub(crate) fn message(session: SessionId, message: &Message) {
    let session = number(session);
    trace!(target: target::MESSAGE, "session={session} says {message}");
}

/// A client says what is no message.
pub(crate) fn unreadable(session: SessionId, error: &DecodeError) {
    let session = number(session);
    trace!(target: target::PARSER, "session={session} says what is no message: {error}");
}

/// What the lock manager is told.
pub(crate) fn event(event: &Event) {
    match event {
        Event::Lock {
            session, request, ..
        } => both(
            &request.resource,
            format_args!(
                "session={} asks for resource={} mode={} quantity={} wait={} create={} \
                 idle_lifespan={} ms",
                number(*session),
                request.resource,
                request.mode,
                request.quantity,
                request.wait,
                request.create,
                request.idle_lifespan_ms,
            ),
        ),
        Event::Unlock {
            session,
            resource,
            rollback,
            ..
        } => both(
            resource,
            format_args!(
                "session={} unlocks resource={resource} rollback={rollback}",
                number(*session)
            ),
        ),
        Event::Gone { session } => {
            trace!(target: target::LOCKER, "session={} is gone", number(*session));
        }
        Event::Resume { session, from } => trace!(
            target: target::LOCKER,
            "session={} takes over from session={}",
            number(*session),
            number(*from)
        ),
        Event::Drain => trace!(target: target::LOCKER, "nobody new is to be served"),
        Event::Tick => trace!(target: target::LOCKER, "a deadline has come"),
    }
}

/// What the lock manager wants done.
pub(crate) fn action(action: &Action) {
    match action {
        Action::Answer {
            session,
            step,
            outcome,
            element,
            ..
        } => {
            let (session, element) = (number(*session), element.as_deref().unwrap_or_default());
            trace!(
                target: target::LOCKER,
                "session={session} is to hear: {outcome} ({step:?}) element='{element}'"
            );
        }
        Action::Deadlock {
            session,
            step,
            circle,
        } => {
            let session = number(*session);
            trace!(
                target: target::LOCKER,
                "session={session} is to hear of a deadlock ({step:?}): {circle:?}"
            );
        }
        Action::Close { session, reason } => {
            let session = number(*session);
            trace!(target: target::LOCKER, "session={session} is to be dropped: {reason}");
        }
    }
}

/// For those who look at all resources, and for those who look at one kind.
fn both(resource: &ResourceName, text: Arguments<'_>) {
    trace!(target: target::LOCKER, "{text}");
    trace!(target: target::of_resource(resource.kind()), "{text}");
}
