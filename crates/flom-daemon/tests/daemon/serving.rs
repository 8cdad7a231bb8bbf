//! Clients of one daemon: none of them can hurt another.

use std::io::ErrorKind;
use std::iter;

use flom_proto::{AnswerStep, Message};
use flom_types::limits::MESSAGE_BYTES;

use crate::harness::{Client, Running, ask, bytes, lock, shutdown, unlock};

const FIRST: AnswerStep = AnswerStep::First;
const LAST: AnswerStep = AnswerStep::Last;

/// Requests, glued, whose answers fit into what a peer may leave unread but not into the socket.
const MANY: usize = 2500;

/// A daemon with a holder and a waiter on `db`, who are to be left alone by all that happens.
struct Scene {
    holder: Client,
    waiter: Client,
    daemon: Running,
}

impl Scene {
    fn set() -> Self {
        let daemon = Running::start();
        let (mut holder, mut waiter) = (daemon.client(), daemon.client());
        holder.lock("db", 0);
        waiter.lock("db", 1);
        Self {
            holder,
            waiter,
            daemon,
        }
    }

    fn client(&self) -> Client {
        self.daemon.client()
    }

    /// A third client is served, and the lock goes from the holder to the waiter.
    fn stays_sound(mut self) {
        self.client().lock("other", 0);
        self.holder.unlock("db");
        self.waiter.granted();
    }
}

#[test]
fn a_lock_goes_to_the_next_when_it_is_given_back() {
    Scene::set().stays_sound();
}

#[test]
fn a_lock_goes_to_the_next_when_its_holder_vanishes() {
    let Scene {
        holder,
        mut waiter,
        daemon: _daemon,
    } = Scene::set();
    drop(holder);
    waiter.granted();
}

#[test]
fn who_says_nothing_more_loses_the_lock_and_the_connection_at_once() {
    let Scene {
        mut holder,
        mut waiter,
        daemon: _daemon,
    } = Scene::set();
    holder.finish();
    waiter.granted();
    holder.closed();
    waiter.unlock("db").finish();
    waiter.closed();
}

#[test]
fn peers_that_leave_together_are_skipped() {
    let daemon = Running::start();
    for _ in 0..100 {
        let mut clients = [(); 4].map(|()| daemon.client());
        let [holder, waiter, other, last] = &mut clients;
        holder.lock("db", 0);
        waiter.lock("db", 1);
        other.lock("db", 1);
        last.lock("db", 1);
        let [holder, waiter, other, mut last] = clients;
        drop((holder, waiter, other));
        last.granted();
    }
}

#[test]
fn a_lock_that_goes_to_somebody_who_leaves_goes_on_to_the_next() {
    let daemon = Running::start();
    for _ in 0..100 {
        let [mut holder, mut waiter, mut last] = [(); 3].map(|()| daemon.client());
        holder.lock("db", 0);
        waiter.lock("db", 1);
        last.lock("db", 1);
        holder.unlock("db");
        drop(waiter);
        last.granted();
    }
}

#[test]
fn a_lock_that_cannot_be_handed_over_goes_on_to_the_next() {
    let Scene {
        mut holder,
        waiter,
        daemon,
    } = Scene::set();
    let mut last = daemon.client();
    last.lock("db", 1);
    waiter.close_ears(); // which shows only when it is told something
    holder.unlock("db");
    last.granted();
}

#[test]
fn half_a_message_holds_up_nobody() {
    let scene = Scene::set();
    let mut half = scene.client();
    half.say(&lock("slow")[..100]);
    let mut other = scene.client();
    other.lock("slow", 0);
    half.say(&lock("slow")[100..]).expect(FIRST, 1);
    other.unlock("slow");
    half.granted();
    scene.stays_sound();
}

#[test]
fn a_message_may_come_byte_by_byte() {
    let scene = Scene::set();
    let mut slow = scene.client();
    for byte in lock("slow") {
        slow.say(&[byte]);
    }
    slow.expect(FIRST, 0);
    scene.stays_sound();
}

#[test]
fn messages_may_come_in_one_piece() {
    let daemon = Running::start();
    let mut client = daemon.client();
    let cycle = [lock("own"), unlock("own")].concat();
    client.say(&cycle.repeat(100));
    for _ in 0..100 {
        client.expect(FIRST, 0);
    }
}

#[test]
fn who_reads_late_gets_every_answer() {
    let scene = Scene::set();
    let mut late = scene.client();
    late.say(&[lock("own"), unlock("own")].concat().repeat(MANY));
    scene.client().lock("other", 0); // while the answers of the late one wait
    for _ in 0..MANY {
        late.expect(FIRST, 0);
    }
    scene.stays_sound();
}

#[test]
fn who_does_not_read_at_all_loses_the_connection() {
    let scene = Scene::set();
    let mut deaf = scene.client();
    let requests = ask("own", |lock| lock.mode = Some(0)).repeat(100);
    let error = loop {
        if let Err(error) = deaf.try_say(&requests) {
            break error;
        }
    };
    assert!(
        matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
        "{error}"
    );
    scene.client().lock("own", 0); // nothing is held by it any more
    scene.stays_sound();
}

#[test]
fn who_breaks_the_rules_loses_the_connection_and_nobody_else_does() {
    let scene = Scene::set();
    let message = |verb: i32, step: i32, body: &str| {
        format!(r#"<msg level="3" verb="{verb}" step="{step}">{body}</msg>"#)
    };
    let rows = [
        "garbage</msg>".to_owned(),
        "<foo></msg>".to_owned(),
        r#"<msg level="4" verb="1" step="8"><resource name="QQ=="/></msg>"#.to_owned(),
        message(0, 0, ""),
        message(1, 9, ""),
        message(1, 16, r#"<answer rc="0"/>"#),
        message(2, 8, r#"<resource name="ZGI=" rollback="0" />"#),
        message(3, 24, ""),
        message(4, 8, ""),
        message(4, 16, r#"<network address="" port="1"/>"#),
        message(5, 8, "<shutdown/>"),
        message(1, 8, r#"<resource mode="5"/>"#),
        message(1, 8, r#"<resource name="ZGI=" mode="-1" wait="1"/>"#),
        message(1, 8, r#"<resource name="ZGI=" mode="6" wait="1"/>"#),
        message(
            1,
            8,
            r#"<resource name="TlsxMF0=" quantity="-3" create="1"/>"#,
        ),
        "x".repeat(MESSAGE_BYTES + 1),
    ];
    for text in rows {
        let mut fresh = scene.client();
        // Where the message is long, the daemon may have closed before all of it is sent.
        let _ = fresh.try_say(text.as_bytes());
        fresh.closed();
        let mut bound = scene.client();
        bound.lock("mine", 0);
        // An unlock of something else is not out of turn here, but wrong all the same.
        let _ = bound.try_say(text.as_bytes());
        bound.closed();
        scene.client().lock("mine", 0);
    }
    scene.stays_sound();
}

#[test]
fn who_leaves_in_the_middle_of_a_message_is_forgotten() {
    let scene = Scene::set();
    for end in [0, 1, 50] {
        scene.client().say(&lock("db")[..end]);
    }
    scene.stays_sound();
}

#[test]
fn a_message_counts_even_if_its_sender_is_gone() {
    let Scene {
        mut holder,
        mut waiter,
        daemon: _daemon,
    } = Scene::set();
    holder.unlock("db").say(&lock("db"));
    drop(holder);
    waiter.granted();
}

#[test]
fn what_is_no_name_is_answered_before_the_connection_ends() {
    let scene = Scene::set();
    let mut client = scene.client();
    client.lock("1abc", -14);
    client.closed();
    let mut hurried = scene.client();
    hurried.say(&lock("a\nb")).finish();
    hurried.expect(FIRST, -14).closed();
    scene.stays_sound();
}

#[test]
fn who_is_told_that_there_is_no_such_resource_may_ask_again() {
    let scene = Scene::set();
    let mut client = scene.client();
    let look = ask("none", |lock| {
        lock.create = false;
        lock.wait = false;
    });
    client.say(&look).expect(FIRST, 5);
    client.say(&look).expect(FIRST, 5);
    client.lock("none", 0);
    scene.stays_sound();
}

#[test]
fn who_waits_for_a_resource_to_be_created_gets_it_from_its_creator() {
    let daemon = Running::start();
    let [mut parked, mut creator] = [(); 2].map(|()| daemon.client());
    parked
        .say(&ask("new", |lock| lock.create = false))
        .expect(FIRST, 2);
    creator.lock("new", 0);
    parked.expect(AnswerStep::Later, 1);
    creator.unlock("new");
    parked.granted();
}

#[test]
fn an_impossible_request_that_was_parked_is_refused_for_good() {
    let daemon = Running::start();
    let [mut parked, mut creator] = [(); 2].map(|()| daemon.client());
    let units = |quantity| {
        move |lock: &mut flom_proto::Lock| {
            (lock.mode, lock.quantity) = (None, Some(quantity));
        }
    };
    let request = ask("N[3]", |lock| {
        units(5)(lock);
        lock.create = false;
    });
    parked.say(&request).expect(FIRST, 2);
    creator.say(&ask("N[3]", units(1))).expect(FIRST, 0);
    parked.expect(LAST, 6);
}

#[test]
fn a_holder_that_asks_for_something_else_loses_the_connection() {
    let daemon = Running::start();
    let mut client = daemon.client();
    client.lock("one", 0).say(&lock("two")).closed();
    daemon.client().lock("one", 0);
    daemon.client().lock("two", 0);
}

#[test]
fn a_silent_connection_is_kept() {
    let scene = Scene::set();
    let mut silent = scene.client();
    scene.client().lock("other", 0);
    silent.lock("another", 0);
    scene.stays_sound();
}

#[test]
fn whoever_asks_whether_we_are_there_is_told_so_and_keeps_what_it_has() {
    let scene = Scene::set();
    let mut newcomer = scene.client();
    newcomer.say(&bytes(&Message::Ping));
    assert_eq!(newcomer.hear_any(), Message::Pong);
    newcomer.say(&bytes(&Message::Pong)); // to whom it was not said
    newcomer.lock("db", 1).say(&bytes(&Message::Ping));
    assert_eq!(newcomer.hear_any(), Message::Pong);
    scene.stays_sound();
}

#[test]
fn whoever_asks_whether_we_are_there_and_never_listens_loses_the_connection() {
    let scene = Scene::set();
    let mut deaf = scene.client();
    let pings = bytes(&Message::Ping).repeat(100);
    let ended = iter::repeat_with(|| deaf.try_say(&pings)).find_map(Result::err);
    let kind = ended.unwrap().kind();
    let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(gone.contains(&kind), "{kind}");
    scene.stays_sound();
}

#[test]
fn an_answer_that_nobody_asked_for_costs_the_lock() {
    let Scene {
        mut holder,
        mut waiter,
        daemon: _daemon,
    } = Scene::set();
    holder.say(&bytes(&Message::Discover)).closed();
    waiter.granted();
}

#[test]
fn a_waiter_cannot_end_the_daemon() {
    let scene = Scene::set();
    let mut other = scene.client();
    other.lock("db", 1).say(&shutdown(true)).closed();
    scene.stays_sound();
}
