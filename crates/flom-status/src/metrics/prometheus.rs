//! The figures as Prometheus reads them (its text format 0.0.4).

use std::fmt::{self, Write as _};

use flom_core::snapshot::Resource;
use flom_types::LockMode;

use super::{FAULTS, KINDS, Metrics, REFUSALS, kind_index};
use crate::view::View;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a daemon knows of itself besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// How long it has been running, in ms.
    pub uptime_ms: u64,
    /// Connections that are open.
    pub connections: usize,
}

/// How much there is at one moment, by kind.
#[derive(Default)]
struct Tally {
    used: [u64; KINDS.len()],
    idle: [u64; KINDS.len()],
    held: [u64; KINDS.len()],
    waiting: [u64; KINDS.len()],
    longest_queue: [u64; KINDS.len()],
    oldest_wait_ms: [u64; KINDS.len()],
}

impl Metrics {
    /// The figures, and how much `view` shows, as a text for Prometheus.
    pub fn write(&self, view: &View, process: Process) -> String {
        let mut out = String::with_capacity(16 * 1024);
        self.try_write(view, process, &mut out)
            .expect("a string takes all that is written to it");
        out
    }

    fn try_write(&self, view: &View, process: Process, out: &mut String) -> fmt::Result {
        write_process(view, process, out)?;
        Tally::of(view).write(view, out)?;
        self.write_locks(out)?;
        self.write_peers(out)
    }

    fn write_locks(&self, out: &mut String) -> fmt::Result {
        head(out, "flom_grants_total", "counter", "Locks granted.")?;
        for (kind, counts) in KINDS.iter().zip(&self.grants) {
            for (number, count) in (0..).zip(counts) {
                // A mode means something to two kinds of resources.
                let is_shown = matches!(*kind, "simple" | "hierarchical") || number == 5;
                if let Some(mode) = LockMode::from_number(number).filter(|_| is_shown) {
                    let mode = mode.short_name();
                    writeln!(
                        out,
                        r#"flom_grants_total{{kind="{kind}",mode="{mode}"}} {count}"#
                    )?;
                }
            }
        }
        let name = "flom_refusals_total";
        head(out, name, "counter", "Requests that ended without a lock.")?;
        for ((_, reason), count) in REFUSALS.iter().zip(self.refusals) {
            writeln!(out, r#"{name}{{reason="{reason}"}} {count}"#)?;
        }
        let help = "Requests given up while they waited: timeouts, and clients that went.";
        by_kind(
            out,
            "flom_waits_withdrawn_total",
            "counter",
            help,
            &self.withdrawn,
        )?;
        for (name, help, histograms) in [
            (
                "flom_wait_seconds",
                "How long requests waited that were granted in the end.",
                &self.waits,
            ),
            (
                "flom_hold_seconds",
                "How long locks were held.",
                &self.holds,
            ),
        ] {
            head(out, name, "histogram", help)?;
            for (kind, histogram) in KINDS.iter().zip(histograms) {
                histogram.write(name, &format!(r#"kind="{kind}""#), out)?;
            }
        }
        Ok(())
    }

    fn write_peers(&self, out: &mut String) -> fmt::Result {
        let name = "flom_connections_total";
        head(out, name, "counter", "Connections accepted.")?;
        writeln!(out, "{name} {}", self.connections)?;
        let help = "Connections that ended while a lock was held.";
        by_kind(out, "flom_clients_lost_total", "counter", help, &self.lost)?;
        let name = "flom_messages_refused_total";
        head(
            out,
            name,
            "counter",
            "Messages that cost their sender the connection.",
        )?;
        for ((_, reason), count) in FAULTS.iter().zip(self.faults) {
            writeln!(out, r#"{name}{{reason="{reason}"}} {count}"#)?;
        }
        let name = "flom_discovery_answers_total";
        head(
            out,
            name,
            "counter",
            "Queries of the multicast group that were answered.",
        )?;
        writeln!(out, "{name} {}", self.discovery_answers)?;
        let name = "flom_http_responses_total";
        head(out, name, "counter", "Requests over HTTP, by status.")?;
        for (class, count) in self.http.iter().enumerate().skip(2) {
            writeln!(out, r#"{name}{{code="{class}xx"}} {count}"#)?;
        }
        Ok(())
    }
}

fn write_process(view: &View, process: Process, out: &mut String) -> fmt::Result {
    let name = "flom_build_info";
    head(out, name, "gauge", "Always 1; the version of the daemon.")?;
    let version = env!("CARGO_PKG_VERSION");
    writeln!(out, r#"{name}{{version="{version}"}} 1"#)?;
    let name = "flom_uptime_seconds";
    head(out, name, "gauge", "How long the daemon has been running.")?;
    let (s, ms) = (process.uptime_ms / 1000, process.uptime_ms % 1000);
    writeln!(out, "{name} {s}.{ms:03}")?;
    let name = "flom_draining";
    head(out, name, "gauge", "1 if the daemon serves nobody new.")?;
    writeln!(out, "{name} {}", u8::from(view.snapshot().draining))?;
    let name = "flom_connections";
    head(out, name, "gauge", "Connections that are open.")?;
    writeln!(out, "{name} {}", process.connections)
}

impl Tally {
    fn of(view: &View) -> Self {
        let mut tally = Self::default();
        let add = |tally: &mut Self, resource: &Resource| {
            let kind = kind_index(resource.name.kind());
            match resource.idle_until {
                Some(_) => tally.idle[kind] += 1,
                None => tally.used[kind] += 1,
            }
            tally.held[kind] += resource.holders.len() as u64;
            let waiting = resource.waiters.len() as u64;
            tally.waiting[kind] += waiting;
            tally.longest_queue[kind] = tally.longest_queue[kind].max(waiting);
            if let Some(first) = resource.waiters.first() {
                let ms = u64::try_from(view.since(first.since).as_millis()).unwrap_or(u64::MAX);
                tally.oldest_wait_ms[kind] = tally.oldest_wait_ms[kind].max(ms);
            }
        };
        let resources = &view.snapshot().resources;
        resources
            .iter()
            .for_each(|resource| add(&mut tally, resource));
        tally
    }

    fn write(&self, view: &View, out: &mut String) -> fmt::Result {
        let name = "flom_resources";
        head(out, name, "gauge", "Resources that there are.")?;
        for (index, kind) in KINDS.iter().enumerate() {
            for (state, counts) in [("used", &self.used), ("idle", &self.idle)] {
                let count = counts[index];
                writeln!(out, r#"{name}{{kind="{kind}",state="{state}"}} {count}"#)?;
            }
        }
        for (name, help, counts) in [
            ("flom_locks_held", "Locks held.", &self.held),
            ("flom_queue_length", "Requests in queues.", &self.waiting),
            (
                "flom_queue_length_max",
                "Requests in the longest queue.",
                &self.longest_queue,
            ),
        ] {
            by_kind(out, name, "gauge", help, counts)?;
        }
        let name = "flom_oldest_wait_seconds";
        head(out, name, "gauge", "How long the oldest request waits.")?;
        for (kind, ms) in KINDS.iter().zip(self.oldest_wait_ms) {
            writeln!(
                out,
                r#"{name}{{kind="{kind}"}} {}.{:03}"#,
                ms / 1000,
                ms % 1000
            )?;
        }
        let name = "flom_parked_requests";
        let help = "Requests that wait for a resource to be created.";
        head(out, name, "gauge", help)?;
        writeln!(out, "{name} {}", view.snapshot().parked.len())
    }
}

fn by_kind(
    out: &mut String,
    name: &str,
    is: &str,
    help: &str,
    counts: &[u64; KINDS.len()],
) -> fmt::Result {
    head(out, name, is, help)?;
    for (kind, count) in KINDS.iter().zip(counts) {
        writeln!(out, r#"{name}{{kind="{kind}"}} {count}"#)?;
    }
    Ok(())
}

/// What a figure is, in front of its lines.
fn head(out: &mut String, name: &str, is: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {is}")
}
