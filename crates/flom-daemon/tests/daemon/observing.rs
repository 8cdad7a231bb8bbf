//! Looking at what a daemon keeps, over the wire.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;

use flom_proto::{About, AnswerStep, Message, Observe, Session};
use flom_types::Who;

use crate::harness::{Client, Running, ask, bytes, lock};

fn observe(about: About, name: &str, json: bool) -> Observe {
    Observe {
        session: None,
        about,
        name: name.as_bytes().to_vec(),
        mode: Some(5),
        quantity: None,
        create: true,
        json,
    }
}

impl Client {
    /// The answer to a question: the number at its end, and its text.
    fn look(&mut self, observe: Observe) -> (i32, String) {
        self.say(&bytes(&Message::Observe(observe)));
        self.report()
    }
}

/// A request by somebody who says who that is.
fn lock_as(name: &str, user: &str) -> Vec<u8> {
    let who = Who {
        host: Some("alpha".to_owned()),
        user: Some(user.to_owned()),
        pid: Some(812),
        label: Some("nightly".to_owned()),
        command: Some("backup.sh --all".to_owned()),
    };
    let session = Some(Session {
        ties: None,
        peer_id: "x".to_owned(),
        ext: true,
        who: Some(Box::new(who)),
    });
    ask(name, |lock| lock.session = session)
}

#[test]
fn whoever_looks_sees_holders_and_waiters_by_name() {
    let daemon = Running::start();
    let mut holder = daemon.client();
    holder
        .say(&lock_as("db", "ann"))
        .expect(AnswerStep::First, 0);
    let mut waiter = daemon.client();
    waiter
        .say(&lock_as("db", "bob"))
        .expect(AnswerStep::First, 1);
    let mut observer = daemon.client();
    let (rc, text) = observer.look(observe(About::Status, "", false));
    assert_eq!(rc, 0);
    assert!(
        text.starts_with("1 resource, 1 lock held, 1 request waiting\n\ndb  simple\n"),
        "{text}"
    );
    let who = "@alpha pid 812 \"nightly\" backup.sh --all\n";
    assert!(
        text.contains(&format!("ann{who}")) && text.contains(&format!("bob{who}")),
        "{text}"
    );
    // As often as one likes, on the same connection, and about one resource.
    let (_, json) = observer.look(observe(About::Status, "db", true));
    assert!(
        json.contains(r#""name":"db""#) && json.ends_with("]}\n"),
        "{json}"
    );
    let (_, text) = observer.look(observe(About::Status, "other", false));
    assert_eq!(text, "other  does not exist, and nobody waits for it\n");
}

#[test]
fn whoever_may_have_to_wait_can_learn_for_whom() {
    let daemon = Running::start();
    let mut holder = daemon.client();
    holder
        .say(&lock_as("db", "ann"))
        .expect(AnswerStep::First, 0);
    let mut observer = daemon.client();
    let (rc, text) = observer.look(observe(About::Why, "db", false));
    assert_eq!(rc, 1);
    assert!(
        text.starts_with("db (EX) would wait: EX, which is held, does not go with EX\n"),
        "{text}"
    );
    assert!(text.contains("by ann@alpha"), "{text}");
    let (rc, text) = observer.look(observe(About::Why, "free", false));
    assert_eq!(
        (rc, text.as_str()),
        (
            0,
            "free (EX) would be granted at once: it does not exist and would be created\n"
        )
    );
}

#[test]
fn whoever_waits_can_learn_why_and_is_granted_the_lock_all_the_same() {
    let daemon = Running::start();
    let mut holder = daemon.client();
    holder
        .say(&lock_as("db", "ann"))
        .expect(AnswerStep::First, 0);
    let mut waiter = daemon.client();
    waiter.say(&lock("db")).expect(AnswerStep::First, 1);
    for _ in 0..3 {
        let (rc, line) = waiter.look(observe(About::Wait, "", false));
        assert_eq!(rc, 1);
        assert!(line.starts_with("waits for db (EX): EX held for"), "{line}");
        assert!(
            line.ends_with("by ann@alpha pid 812 \"nightly\" backup.sh --all"),
            "{line}"
        );
    }
    holder.unlock("db");
    waiter.granted();
    let (_, line) = waiter.look(observe(About::Wait, "", false));
    assert_eq!(line, "");
    waiter.unlock("db").lock("db", 0);
}

#[test]
fn the_question_who_we_are_is_answered_whatever_else_is_going_on() {
    let daemon = Running::start();
    let question = ask("flomAsksWhoYouAre", |lock| {
        (lock.wait, lock.create) = (false, false);
    });
    let mut observer = daemon.client();
    observer.say(&question).expect(AnswerStep::First, 5);
    observer.say(&question).expect(AnswerStep::First, 5);
    let (rc, text) = observer.look(observe(About::Status, "", false));
    assert_eq!(
        (rc, text.as_str()),
        (0, "nothing is locked, and nobody waits\n")
    );
    let mut holder = daemon.client();
    holder.lock("db", 0);
    daemon.client().say(&crate::harness::shutdown(false));
    let mut late = daemon.client();
    late.say(&question).expect(AnswerStep::First, 5);
    let (_, text) = late.look(observe(About::Status, "", false));
    assert!(
        text.contains("the daemon ends as soon as nobody holds or waits\n"),
        "{text}"
    );
}

#[test]
fn what_makes_no_sense_to_ask_ends_the_connection() {
    let daemon = Running::start();
    let wrong_mode = Observe {
        mode: Some(9),
        ..observe(About::Why, "db", false)
    };
    for wrong in [
        observe(About::Why, "", false),
        observe(About::Status, "1x", false),
        wrong_mode,
    ] {
        let mut client = daemon.client();
        client.say(&bytes(&Message::Observe(wrong))).closed();
    }
    daemon.client().lock("db", 0);
}

#[test]
fn who_does_not_read_a_long_report_holds_nobody_up_and_who_does_gets_all_of_it() {
    const WAITERS: usize = 400;
    let daemon = Running::start();
    let long = "x".repeat(200);
    let mut holder = daemon.client();
    holder
        .say(&lock_as("db", "ann"))
        .expect(AnswerStep::First, 0);
    let mut waiters: Vec<_> = (0..WAITERS).map(|_| daemon.client()).collect();
    for waiter in &mut waiters {
        waiter
            .say(&lock_as("db", &long))
            .expect(AnswerStep::First, 1);
    }
    // More of them than are told something at the same time, and each asks for much.
    let question = bytes(&Message::Observe(observe(About::Status, "", true)));
    let deaf: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut stream = UnixStream::connect(daemon.socket()).unwrap();
            stream.write_all(&question.repeat(10)).unwrap();
            stream
        })
        .collect();
    holder.unlock("db");
    waiters[0].granted();
    daemon.client().lock("other", 0);
    drop(deaf);
    let mut readers: Vec<_> = (0..3).map(|_| daemon.client()).collect();
    thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                let (_, json) = reader.look(observe(About::Status, "", true));
                let entries = json.matches(&format!(r#""user":"{long}""#)).count();
                assert_eq!(entries, WAITERS);
                assert!(json.ends_with("]}\n"));
            });
        }
    });
}
