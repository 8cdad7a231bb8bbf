//! The figures of a daemon, as Prometheus reads them.

use crate::harness::{Daemon, Heard, ask, judge, unlock, wait_until};

/// Reads the text as Prometheus' own client does (package python3-prometheus-client; `scripts/test`
/// installs it), and prints each sample as `name{key="value"} number`.
const READ: &str = r#"
import sys
from prometheus_client.parser import text_string_to_metric_families as families
text = open(sys.argv[1]).read()
for family in families(text):
    assert family.documentation, family.name
    assert family.type in ("counter", "gauge", "histogram"), family
    if family.type == "histogram":
        per = {}
        for s in family.samples:
            if s.name.endswith("_bucket"):
                labels = dict(s.labels)
                per.setdefault(labels.pop("le") and str(labels), []).append(s.value)
        assert all(b == sorted(b) for b in per.values()), family
    for s in family.samples:
        labels = ",".join(f'{k}="{v}"' for k, v in sorted(s.labels.items()))
        print(s.name + "{" + labels + "}", s.value)
"#;

/// The figures, read by somebody else.
struct Figures(String);

impl Figures {
    #[track_caller]
    fn of(text: &str) -> Self {
        let ended = judge("prometheus_client", READ, &[], text);
        assert_eq!(ended.code(), 0, "{text}\n{ended:?}");
        Self(ended.stdout)
    }

    #[track_caller]
    fn is(&self, sample: &str, number: &str) {
        let line = format!("{sample} {number}\n");
        assert!(self.0.contains(&line), "no {line}{}", self.0);
    }
}

#[test]
fn everything_that_happens_is_counted() {
    let daemon = Daemon::start_with_http("");
    let (mut holder, mut waiter) = (daemon.connect(), daemon.connect());
    holder.ask(ask("db"));
    waiter.ask(ask("db"));
    let figures = Figures::of(&daemon.get("/metrics").body);
    figures.is("flom_locks_held{kind=\"simple\"}", "1.0");
    figures.is("flom_queue_length{kind=\"simple\"}", "1.0");
    figures.is("flom_queue_length_max{kind=\"simple\"}", "1.0");
    figures.is("flom_resources{kind=\"simple\",state=\"used\"}", "1.0");
    // Unlocked, and handed on.
    holder.say(unlock("db"));
    assert_eq!(waiter.hear().answer().1, 0);
    // Goes without a word, with its lock.
    waiter.reset();
    // Gives up while it waits.
    holder.ask(ask("tree"));
    let mut impatient = daemon.connect();
    impatient.ask(ask("tree"));
    impatient.reset();
    // Is refused, twice.
    assert_eq!(daemon.probe("tree"), 4);
    assert_eq!(daemon.probe("none"), 5);
    // Breaks the rules.
    let mut rude = daemon.connect();
    rude.say("garbage</msg>");
    assert!(matches!(rude.hear(), Heard::Closed));
    daemon.get("/nowhere");
    let count = |text: &str, name: &str| text.contains(name);
    wait_until("the last connection is gone", || {
        let text = daemon.get("/metrics").body;
        count(&text, "flom_waits_withdrawn_total{kind=\"simple\"} 1\n")
            && count(&text, "flom_connections 1\n")
            // What is kept is looked at anew after a moment only.
            && count(&text, "flom_locks_held{kind=\"simple\"} 1\n")
    });
    let figures = Figures::of(&daemon.get("/metrics").body);
    for (sample, number) in [
        ("flom_grants_total{kind=\"simple\",mode=\"EX\"}", "3.0"),
        ("flom_wait_seconds_count{kind=\"simple\"}", "3.0"),
        ("flom_hold_seconds_count{kind=\"simple\"}", "2.0"),
        ("flom_waits_withdrawn_total{kind=\"simple\"}", "1.0"),
        ("flom_clients_lost_total{kind=\"simple\"}", "1.0"),
        ("flom_refusals_total{reason=\"busy\"}", "1.0"),
        ("flom_refusals_total{reason=\"not_there\"}", "1.0"),
        ("flom_messages_refused_total{reason=\"rules\"}", "1.0"),
        ("flom_locks_held{kind=\"simple\"}", "1.0"),
        ("flom_http_responses_total{code=\"4xx\"}", "1.0"),
        ("flom_parked_requests{}", "0.0"),
    ] {
        figures.is(sample, number);
    }
}

#[test]
fn the_command_prints_the_same_figures_over_the_connection_for_locks() {
    let daemon = Daemon::start_tcp();
    let _holder = daemon.holder("db");
    let printed = daemon.flom(["--metrics"]).run();
    assert_eq!(printed.stderr, "");
    let figures = Figures::of(&printed.stdout);
    figures.is("flom_grants_total{kind=\"simple\",mode=\"EX\"}", "1.0");
    assert_eq!(printed.code(), 0);
}

#[test]
fn the_figures_are_for_those_who_may_look() {
    let daemon = Daemon::start_with("exec \"$FLOMD\" \"$@\" --access-observe=uid:4294967294");
    let refused = daemon.flom(["--metrics"]).run().expect_code(99);
    assert_eq!(refused.stdout, "");
    assert!(
        refused
            .stderr
            .contains("may not look at it ([Access] Observe)"),
        "{refused:?}"
    );
}

#[test]
fn there_are_never_more_figures_than_at_the_start() {
    let daemon = Daemon::start_with_http("");
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let before = lines(&daemon.get("/metrics").body);
    let mut clients: Vec<_> = (0..50).map(|_| daemon.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.ask(ask(&format!("name{number}")));
    }
    assert_eq!(lines(&daemon.get("/metrics").body), before);
}
