//! A view as JSON: `docs/status.schema.json` says what is in it, and stays true.

use std::fmt::{self, Write as _};

use flom_core::snapshot::{Held, Holder, Resource, Waiter};
use flom_types::{LockMode, ResourceKind, ResourceName, SessionId, Time, Who};

use crate::document::Write;
use crate::view::View;

/// The version of the schema.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Debug, Default)]
pub(crate) struct Json {
    /// Which lists are open, each with whether it has an item.
    list: Option<List>,
    resources: bool,
    parked: bool,
    items: bool,
}

/// The list of a resource that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Holders,
    Waiters,
}

impl Write for Json {
    fn head(&mut self, view: &View, _only: Option<&ResourceName>, out: &mut String) {
        let taken = view.wall(view.snapshot().taken.time);
        let counts = view.counts();
        put(
            out,
            format_args!(r#"{{"schema":{SCHEMA},"taken":"{taken}","#),
        );
        put(
            out,
            format_args!(r#""draining":{},"#, view.snapshot().draining),
        );
        let numbers = format_args!(
            r#""counts":{{"resources":{},"idle":{},"held":{},"waiting":{},"parked":{}}},"#,
            counts.resources, counts.idle, counts.held, counts.waiting, counts.parked
        );
        put(out, numbers);
        out.push_str(r#""resources":["#);
    }

    fn resource(&mut self, view: &View, resource: &Resource, out: &mut String) {
        self.end_resource(out);
        out.push_str(if self.resources { ",\n{" } else { "\n{" });
        self.resources = true;
        name(&resource.name, out);
        put(out, format_args!(r#","kind":"{}""#, resource.name.kind()));
        if let ResourceKind::Sequence { transactional, .. } = resource.name.kind() {
            put(out, format_args!(r#","transactional":{transactional}"#));
        }
        if let Some(room) = resource.room {
            put(
                out,
                format_args!(r#","total":{},"free":{}"#, room.total, room.free),
            );
        }
        put(out, format_args!(r#","sessions":{}"#, resource.sessions));
        if let Some(until) = resource.idle_until {
            let ms = view.until(until).as_millis();
            put(out, format_args!(r#","idle_ms_left":{ms}"#));
        }
        if let Some(tick) = resource.next_tick {
            let ms = view.until(tick).as_millis();
            put(out, format_args!(r#","next_tick_ms":{ms}"#));
        }
        out.push_str(r#","holders":["#);
        self.list = Some(List::Holders);
        self.items = false;
    }

    fn holder(&mut self, view: &View, holder: &Holder, out: &mut String) {
        self.comma(out);
        self::holder(view, holder, out);
    }

    fn waiter(&mut self, view: &View, position: usize, waiter: &Waiter, out: &mut String) {
        self.begin_waiters(out);
        self.comma(out);
        self::waiter(view, Some(position), waiter, out);
    }

    fn parked(&mut self, view: &View, waiter: &Waiter, out: &mut String) {
        self.begin_parked(out);
        self.comma(out);
        self::waiter(view, None, waiter, out);
    }

    fn tail(&mut self, _view: &View, out: &mut String) {
        self.begin_parked(out);
        out.push_str("]}\n");
    }
}

impl Json {
    fn comma(&mut self, out: &mut String) {
        out.push_str(if self.items { ",\n" } else { "\n" });
        self.items = true;
    }

    fn begin_waiters(&mut self, out: &mut String) {
        if self.list == Some(List::Holders) {
            out.push_str(r#"],"waiters":["#);
            self.list = Some(List::Waiters);
            self.items = false;
        }
    }

    fn end_resource(&mut self, out: &mut String) {
        if self.list.is_some() {
            self.begin_waiters(out);
            out.push_str("]}");
            self.list = None;
        }
    }

    fn begin_parked(&mut self, out: &mut String) {
        if !self.parked {
            self.end_resource(out);
            out.push_str(r#"],"parked":["#);
            self.parked = true;
            self.items = false;
        }
    }
}

/// A lock that is held, as an object.
pub(crate) fn holder(view: &View, holder: &Holder, out: &mut String) {
    client(view, holder.session, out);
    moment(view, holder.since, out);
    match &holder.held {
        Held::Mode(held) => mode(*held, out),
        Held::Units(units) => put(out, format_args!(r#","quantity":{units}"#)),
        Held::Element(text) | Held::Text(text) => element(text, out),
        Held::Number(number) => element(&number.to_string(), out),
        Held::Node { path, mode: held } => {
            mode(*held, out);
            out.push(',');
            self::path(path, out);
        }
    }
    out.push('}');
}

/// A request that waits, as an object.
pub(crate) fn waiter(view: &View, position: Option<usize>, waiter: &Waiter, out: &mut String) {
    client(view, waiter.session, out);
    moment(view, waiter.since, out);
    match position {
        Some(position) => {
            let unpassable = waiter.unpassable;
            put(
                out,
                format_args!(r#","position":{position},"unpassable":{unpassable}"#),
            );
        }
        None => {
            out.push(',');
            name(&waiter.request.resource, out);
            put(
                out,
                format_args!(r#","kind":"{}""#, waiter.request.resource.kind()),
            );
        }
    }
    asked(
        &waiter.request.resource,
        waiter.request.mode,
        waiter.request.quantity,
        out,
    );
    if position.is_some() && waiter.request.resource.kind() == ResourceKind::Hierarchical {
        out.push(',');
        path(&waiter.request.resource, out);
    }
    out.push('}');
}

/// How much of a resource is asked for, where its kind has something to choose.
pub(crate) fn asked(resource: &ResourceName, how: LockMode, quantity: u32, out: &mut String) {
    match resource.kind() {
        kind if kind.has_modes() => mode(how, out),
        ResourceKind::Numeric { .. } => put(out, format_args!(r#","quantity":{quantity}"#)),
        _ => {}
    }
}

/// `"name":"db"`; where the name is no UTF-8, its bytes beside it in hexadecimal.
pub(crate) fn name(name: &ResourceName, out: &mut String) {
    attribute("name", name, out);
}

fn path(path: &ResourceName, out: &mut String) {
    attribute("path", path, out);
}

fn attribute(key: &str, name: &ResourceName, out: &mut String) {
    let text = String::from_utf8_lossy(name.as_bytes());
    put(out, format_args!(r#""{key}":{}"#, Quoted(&text)));
    if str::from_utf8(name.as_bytes()).is_err() {
        put(out, format_args!(r#","{key}_hex":""#));
        let hex = |byte: &u8| put(out, format_args!("{byte:02x}"));
        name.as_bytes().iter().for_each(hex);
        out.push('"');
    }
}

fn mode(mode: LockMode, out: &mut String) {
    put(out, format_args!(r#","mode":"{}""#, mode.short_name()));
}

fn element(text: &str, out: &mut String) {
    put(out, format_args!(r#","element":{}"#, Quoted(text)));
}

fn moment(view: &View, since: Time, out: &mut String) {
    let (wall, ms) = (view.wall(since), view.since(since).as_millis());
    put(out, format_args!(r#","since":"{wall}","for_ms":{ms}"#));
}

/// Who it is, as the beginning of an object.
fn client(view: &View, session: SessionId, out: &mut String) {
    let peer = view.peer(session);
    let nobody = Who::default();
    let who = peer.who.as_deref().unwrap_or(&nobody);
    put(out, format_args!(r#"{{"session":{}"#, peer.number));
    for (key, value) in [("host", &who.host), ("user", &who.user)] {
        optional(key, value.as_deref(), out);
    }
    match who.pid {
        Some(pid) => put(out, format_args!(r#","pid":{pid}"#)),
        None => out.push_str(r#","pid":null"#),
    }
    for (key, value) in [("label", &who.label), ("command", &who.command)] {
        optional(key, value.as_deref(), out);
    }
    let address = peer.address.map(|address| address.to_string());
    optional("address", address.as_deref(), out);
    if peer.is_lost {
        out.push_str(r#","lost":true"#);
    }
}

fn optional(key: &str, value: Option<&str>, out: &mut String) {
    match value {
        Some(text) => put(out, format_args!(r#","{key}":{}"#, Quoted(text))),
        None => put(out, format_args!(r#","{key}":null"#)),
    }
}

pub(crate) fn put(out: &mut String, what: fmt::Arguments<'_>) {
    out.write_fmt(what)
        .expect("a string takes all that is written to it");
}

/// A string of JSON.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.0.chars().try_for_each(|character| match character {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            // Also those that JSON allows: a terminal may show it.
            _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character)),
            _ => f.write_char(character),
        })?;
        f.write_char('"')
    }
}
