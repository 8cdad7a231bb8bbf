//! Clients that are slow, sudden or many: the other rows of `spec/protocol.md` §14.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Daemon, Heard, Wire, ask, message, unlock, wait_until};

/// Fails unless a client is served within a second.
#[track_caller]
fn assert_served(daemon: &Daemon, name: &str) {
    let asked = Instant::now();
    let mut client = daemon.connect();
    assert_eq!(client.ask(ask(name)), (16, 0));
    client.finish();
    assert_eq!(client.hear(), Heard::Closed);
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "after {:?}",
        asked.elapsed()
    );
}

#[test]
fn a_message_that_comes_in_pieces_holds_nobody_up() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let mut slow = daemon.connect();
        let said = ask("slow").message();
        let (head, tail) = said.split_at(said.len() / 2);
        slow.say(head);
        assert_served(&daemon, "db");
        // The same on a connection that holds something, and has said more than it should.
        let mut holder = daemon.connect();
        assert_eq!(holder.ask(ask("own")), (16, 0));
        holder.say("<");
        assert_served(&daemon, "db");
        let mut next = ask("own");
        next.wait = 0;
        assert_eq!(daemon.connect().ask(next), (16, 4));
        slow.say(tail);
        assert_eq!(slow.hear().answer(), (16, 0));
    }
}

#[test]
fn a_message_may_come_byte_by_byte() {
    let daemon = Daemon::start_tcp();
    let mut slow = daemon.connect();
    for byte in ask("db").message().bytes() {
        slow.say([byte]);
        // By now the daemon has seen it.
        assert_eq!(daemon.probe("none"), 5);
    }
    assert_eq!(slow.hear().answer(), (16, 0));
}

#[test]
fn messages_that_come_together_are_taken_one_by_one() {
    let daemon = Daemon::start();
    let mut hasty = daemon.connect();
    let lock = ask("db").message();
    hasty.say([lock.as_str(), &unlock("db"), &lock].concat());
    assert_eq!(hasty.hear().answer(), (16, 0));
    assert_eq!(hasty.hear().answer(), (16, 0));
    assert_eq!(daemon.probe("db"), 4);
    hasty.finish();
    assert_eq!(hasty.hear(), Heard::Closed);
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn what_was_said_before_a_close_counts() {
    let daemon = Daemon::start();
    let mut hasty = daemon.connect();
    hasty.say(ask("left").message());
    drop(hasty);
    // It has been created, and is not held any more.
    wait_until("a resource", || daemon.probe("left") == 0);
    let mut hasty = daemon.connect();
    hasty.say(message(5, 8, "<shutdown immediate=\"1\"/>"));
    drop(hasty);
    let mut daemon = daemon;
    daemon.wait_for_end();
}

#[test]
fn connections_that_end_at_once_or_in_the_middle_of_a_message_harm_nobody() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let mut holder = daemon.connect();
        assert_eq!(holder.ask(ask("db")), (16, 0));
        let said = ask("other").message();
        for part in ["", &said[..1], &said[..100], &said[..said.len() - 1], &said] {
            for how in [drop, Wire::reset] {
                let mut client = daemon.connect();
                client.say(part);
                how(client);
            }
        }
        assert_served(&daemon, "third");
        wait_until("what those held", || daemon.probe("other") == 0);
        assert_eq!(daemon.probe("db"), 4);
    }
}

#[test]
fn who_leaves_gives_back_everything_held_and_queued() {
    let daemon = Daemon::start();
    let mut reader = ask("db");
    reader.mode = 3;
    let mut greedy = daemon.connect();
    assert_eq!(greedy.ask(reader), (16, 0));
    assert_eq!(greedy.ask(reader), (16, 0));
    assert_eq!(greedy.ask(ask("db")), (16, 1));
    let waiter = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    drop(greedy);
    waiter.wait().expect(0, "mine\n", "");
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn a_holder_and_the_waiters_behind_it_may_vanish_together() {
    let daemon = Daemon::start();
    for _ in 0..20 {
        let mut holder = daemon.connect();
        assert_eq!(holder.ask(ask("db")), (16, 0));
        let mut waiters = [(); 3].map(|()| daemon.connect());
        for waiter in &mut waiters {
            assert_eq!(waiter.ask(ask("db")), (16, 1));
        }
        let mut last = daemon.connect();
        assert_eq!(last.ask(ask("db")), (16, 1));
        // While it is stopped, all that happens to the daemon happens at the same moment.
        daemon.signal(Signal::STOP);
        drop((holder, waiters));
        daemon.signal(Signal::CONT);
        assert_eq!(last.hear().answer(), (24, 0));
        last.finish();
        assert_eq!(last.hear(), Heard::Closed);
    }
    assert_served(&daemon, "third");
}

#[test]
fn silent_connections_harm_nobody() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let silent: Vec<_> = (0..200).map(|_| daemon.connect()).collect();
        assert_served(&daemon, "db");
        drop(silent);
        assert_served(&daemon, "db");
    }
}

#[test]
fn out_of_descriptors_the_daemon_serves_who_is_there_and_the_others_later() {
    let mut daemon = Daemon::start_with("ulimit -n 32; exec \"$FLOMD\" \"$@\"");
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    let mut within = daemon.connect();
    assert_eq!(within.ask(ask("web")), (16, 0));

    let mut crowd: Vec<_> = (0..64).map(|_| daemon.connect()).collect();
    // Who came last is not served as long as all others stay.
    let mut last = crowd.pop().unwrap();
    last.say(ask("late").message());
    within.say(unlock("web"));
    assert_eq!(
        within.ask(ask("web")),
        (16, 0),
        "whoever is there is served"
    );
    assert_eq!(last.pending(), b"");
    assert!(daemon.is_running() && holder.is_running());
    assert_eq!(waiter.stdout_so_far(), "");

    drop(crowd);
    assert_eq!(last.hear().answer(), (16, 0));
    drop(last);
    assert_served(&daemon, "third");
    holder.close_stdin();
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn who_reads_nothing_is_not_waited_for() {
    let daemon = Daemon::start();
    let mut deaf = daemon.connect();
    assert_eq!(deaf.ask(ask("db")), (16, 0));
    let mut busy = ask("db");
    busy.wait = 0;
    // Asks for answers, megabytes of them, and does not read them.
    let flood = busy.message().repeat(64);
    let flooding = std::thread::spawn(move || {
        for _ in 0..512 {
            deaf.say(&flood);
        }
    });
    for _ in 0..20 {
        assert_served(&daemon, "third");
    }
    drop(daemon);
    flooding.join().unwrap();
}
