//! A judgement as text, as JSON, and in one line for somebody who waits.

use flom_core::snapshot::{Held, Holder};
use flom_types::ResourceKind;

use crate::document::Format;
use crate::json::{self, Quoted, SCHEMA, put};
use crate::judge::{Judgement, Question, Rule};
use crate::view::View;
use crate::words::{Short, asked, held};

/// Holders and waiters that the text of a judgement names; the others are counted.
const NAMED: usize = 20;

impl Judgement<'_> {
    /// All of it, for `flom --why`.
    pub fn write(&self, view: &View, format: Format) -> String {
        let mut out = String::new();
        self.write_from(view, format, 0, &mut out, usize::MAX);
        out
    }

    /// Appends to `out` from item `at` on until it has at least `enough` bytes, or all is said;
    /// where to go on, if there is more.
    pub(crate) fn write_from(
        &self,
        view: &View,
        format: Format,
        mut at: usize,
        out: &mut String,
        enough: usize,
    ) -> Option<usize> {
        if format == Format::Text {
            out.push_str(&self.text(view));
            return None;
        }
        while self.json_item(view, at, out) {
            at += 1;
            if out.len() >= enough {
                return Some(at);
            }
        }
        None
    }

    /// In one line, for somebody who waits: what for, what stops it, how many come before, and who
    /// has it. What matters least comes last, as a terminal may have no room for it.
    pub fn line(&self, view: &View) -> String {
        let mut parts = Vec::new();
        // Of modes the one asked for and the one held are named anyway.
        if !matches!((self.rule, self.hard.first()), (Rule::Mode, Some(_))) {
            parts.push(self.reason(view));
        }
        match self.soft.len() {
            0 => {}
            1 => parts.push("1 request before".to_owned()),
            before => parts.push(format!("{before} requests before")),
        }
        if let Some(first) = self.hard.first() {
            let since = Short(view.since(first.since));
            let (what, peer) = (held(&first.held), view.peer(first.session));
            parts.push(match self.hard.len() {
                1 => format!("{what} held for {since} by {peer}"),
                holders => format!("{holders} hold it, first {what} for {since} by {peer}"),
            });
        }
        format!(
            "waits for {}: {}",
            self.question.in_words(),
            parts.join("; ")
        )
    }

    /// The rule, in words.
    fn reason(&self, view: &View) -> String {
        let Question {
            resource,
            mode,
            quantity,
            ..
        } = &self.question;
        let what = match resource.kind() {
            ResourceKind::Set => "elements",
            _ => "places",
        };
        match self.rule {
            Rule::Free => "nothing is in the way".to_owned(),
            Rule::New => "it does not exist and would be created".to_owned(),
            Rule::Mode => format!("{} does not go with {mode}", self.modes_held()),
            Rule::Units { free, total } => {
                format!("{free} of {total} units are free, {quantity} asked for")
            }
            Rule::Places { total: 0 } => format!("it has no {what} at all"),
            Rule::Places { total } => format!("all {total} {what} are taken"),
            Rule::Tick { at: Some(at) } => {
                let ms = view.until(at).as_millis();
                format!("the next one can be made in {ms} ms")
            }
            Rule::Tick { at: None } => "the next one can be made soon".to_owned(),
            Rule::Queue => "requests before it must not be passed".to_owned(),
            Rule::NotCreated => "it does not exist yet, and somebody else has to create it".into(),
            Rule::Impossible { total } => {
                format!("it has {total} units, {quantity} can never be free")
            }
            Rule::Draining => "the daemon is about to end and serves nobody new".to_owned(),
        }
    }

    /// The modes that are in the way, each once.
    fn modes_held(&self) -> String {
        let modes = self.hard.iter().filter_map(|holder| match &holder.held {
            Held::Mode(mode) | Held::Node { mode, .. } => Some(*mode),
            _ => None,
        });
        let modes: std::collections::BTreeSet<_> = modes.collect();
        let words: Vec<_> = modes.iter().map(|mode| mode.short_name()).collect();
        format!("{}, which is held,", words.join(" and "))
    }

    fn verdict(&self) -> &'static str {
        match self.rule {
            rule if rule.is_granted() => "would be granted at once",
            rule if rule.is_refused() => "would be refused",
            _ => "would wait",
        }
    }

    fn text(&self, view: &View) -> String {
        let mut out = String::new();
        let verdict = self.verdict();
        let (what, reason) = (self.question.in_words(), self.reason(view));
        put(&mut out, format_args!("{what} {verdict}: {reason}\n"));
        for holder in self.hard.iter().take(NAMED) {
            put(
                &mut out,
                format_args!("  held    {}\n", holder_line(view, holder)),
            );
        }
        more(self.hard.len(), &mut out);
        for waiter in self.soft.iter().take(NAMED) {
            let since = Short(view.since(waiter.since));
            let peer = view.peer(waiter.session);
            let line = format_args!("  before  {} for {since} by {peer}\n", asked(waiter));
            put(&mut out, line);
        }
        more(self.soft.len(), &mut out);
        out
    }

    /// What JSON begins with.
    fn json_head(&self, view: &View, out: &mut String) {
        let Question {
            resource,
            mode,
            quantity,
            ..
        } = &self.question;
        let taken = view.wall(view.snapshot().taken.time);
        put(
            out,
            format_args!(r#"{{"schema":{SCHEMA},"taken":"{taken}","#),
        );
        json::name(resource, out);
        put(out, format_args!(r#","kind":"{}""#, resource.kind()));
        json::asked(resource, *mode, *quantity, out);
        let verdict = match self.rule {
            rule if rule.is_granted() => "granted",
            rule if rule.is_refused() => "refused",
            _ => "waits",
        };
        put(
            out,
            format_args!(r#","verdict":"{verdict}","rule":"{}""#, self.rule.name()),
        );
        put(
            out,
            format_args!(r#","reason":{}"#, Quoted(&self.reason(view))),
        );
        out.push_str(r#","held_by":["#);
    }

    /// Item `at` of JSON, the head being the first; whether more comes.
    fn json_item(&self, view: &View, at: usize, out: &mut String) -> bool {
        let Some(number) = at.checked_sub(1) else {
            self.json_head(view, out);
            return true;
        };
        let held_by = self.hard.len();
        if number == held_by {
            out.push_str(r#"],"before":["#);
        }
        let first = number == 0 || number == held_by;
        let gap = if first { "\n" } else { ",\n" };
        if let Some(holder) = self.hard.get(number) {
            out.push_str(gap);
            json::holder(view, holder, out);
        } else if let Some(waiter) = self.soft.get(number - held_by) {
            out.push_str(gap);
            json::waiter(view, None, waiter, out);
        } else {
            out.push_str("]}\n");
            return false;
        }
        true
    }
}

impl Question {
    /// `db (EX)`, `seat[10] (3 units)`, `a.b.c`.
    fn in_words(&self) -> String {
        let Self {
            resource,
            mode,
            quantity,
            ..
        } = self;
        match resource.kind() {
            kind if kind.has_modes() => format!("{resource} ({mode})"),
            ResourceKind::Numeric { .. } => {
                format!("{resource} ({})", held(&Held::Units(*quantity)))
            }
            _ => resource.to_string(),
        }
    }
}

fn holder_line(view: &View, holder: &Holder) -> String {
    let since = Short(view.since(holder.since));
    let peer = view.peer(holder.session);
    format!("{} for {since} by {peer}", held(&holder.held))
}

fn more(there_are: usize, out: &mut String) {
    if there_are > NAMED {
        put(
            out,
            format_args!("          and {} more\n", there_are - NAMED),
        );
    }
}
