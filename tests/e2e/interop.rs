//! The transcripts of `spec/protocol.md` §13: what goes over the wire between this flom and an
//! old daemon, and between an old flom and this daemon, byte for byte.

mod transcripts;

use transcripts::{Line, TRANSCRIPTS, client, daemon, line};

use crate::harness::{Daemon, FakeDaemon, Flow, Heard, PEER, Wire, ask};

/// What old programs do not say.
const EXTENSION: &str = " ext=\"1\"";

const LOCK_A: &str = r#"195 lock name="QQ==" mode="5" wait="1" create="1" lifespan="0""#;
const UNLOCK_A: &str = r#"115 unlock name="QQ==" rollback="0""#;

/// A message as it would be with the host id of the transcripts, and without extensions.
fn as_old(said: &str) -> String {
    match said.split_once("peerid=\"") {
        None => said.to_owned(),
        Some((head, tail)) => {
            let (id, tail) = tail.split_once('"').unwrap();
            assert!(
                id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()),
                "{id}"
            );
            // That we understand more, and who we are: what an old program does not say.
            let (_, tail) = tail.split_once("/>").unwrap();
            format!("{head}peerid=\"{PEER}\"/>{tail}")
        }
    }
}

/// The next message.
#[track_caller]
fn hear(wire: &mut Wire) -> String {
    match wire.hear() {
        Heard::Message(said) => said,
        Heard::Closed => panic!("the end instead of a message"),
    }
}

#[test]
fn to_an_old_daemon_this_flom_says_what_an_old_one_says() {
    for (words, status, lines) in TRANSCRIPTS {
        let play = FakeDaemon::new(move |mut wire| {
            for text in *lines {
                match line(text) {
                    Line::Client(said) => {
                        let heard = hear(&mut wire);
                        assert!(heard.len() <= 511, "an old daemon takes no more: {heard}");
                        assert_eq!(as_old(&heard), said);
                    }
                    Line::Daemon(said) => wire.say(said),
                    Line::ClientEnds => assert_eq!(wire.hear(), Heard::Closed),
                }
            }
            assert_eq!(wire.pending(), b"", "nothing follows");
        });
        let ended = play.flom(words.split(' ')).run();
        assert_eq!(ended.code(), *status, "{ended:?}");
        play.finish();
    }
}

/// Says what the client says in the transcript of `words`, and expects what the daemon says.
#[track_caller]
fn play_client(daemon: &Daemon, words: &str) {
    let mut transcripts = TRANSCRIPTS.iter();
    let (_, _, lines) = transcripts
        .find(|(row, ..)| *row == words)
        .expect("a transcript");
    let mut wire = daemon.connect();
    for text in *lines {
        match line(text) {
            Line::Client(said) => wire.say(said),
            Line::Daemon(said) => {
                let heard = hear(&mut wire);
                assert!(
                    !heard.contains(EXTENSION),
                    "old clients do not know it: {heard}"
                );
                assert_eq!(heard.len(), said.len(), "{heard}");
                // Of a timestamp, only the form is known.
                if !words.contains("_t_") {
                    assert_eq!(as_old(&heard), said);
                }
            }
            Line::ClientEnds => wire.finish(),
        }
    }
    assert_eq!(wire.hear(), Heard::Closed, "the daemon closes at once");
    assert_eq!(wire.pending(), b"");
}

#[test]
fn to_an_old_flom_this_daemon_says_what_an_old_one_says() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        for words in [
            "-r A -- true",
            "-r N[10] -q 4 -- true",
            "-r N[10] -q 11 -- true",
            "-r red.green.blue -- true",
            "-r /a/b -l CR -- true",
            "-r _S_seq[2] -- false",
            "-r _S_seq[2] -- false", // the number has come back
            "-r _t_%Y%m%d%H%M%S#fff[1] -- true",
            "-r B -e no -o 0 -- true",
            "-r A -i 1500 -- true",
        ] {
            play_client(&daemon, words);
        }
        let mut holder = daemon.connect();
        holder.say(client(LOCK_A));
        hear(&mut holder);
        play_client(&daemon, "-r A -o 0 -- true");
        play_client(&daemon, "-r A -o 50 -- true");
    }
}

#[test]
fn a_queued_and_a_parked_client_of_old_hear_what_they_know() {
    let place = Daemon::start();
    let said = |wire: &mut Wire| as_old(&hear(wire));
    let mut parked = place.connect();
    parked.say(client(LOCK_A).replace("create=\"1\"", "create=\"0\""));
    assert_eq!(said(&mut parked), daemon(r#"147 first rc="2""#));
    let mut creator = place.connect();
    creator.say(client(LOCK_A));
    assert_eq!(said(&mut creator), daemon(r#"147 first rc="0""#));
    assert_eq!(said(&mut parked), daemon(r#"95 later rc="1""#));
    let mut queued = place.connect();
    queued.say(client(LOCK_A));
    assert_eq!(said(&mut queued), daemon(r#"147 first rc="1""#));
    creator.say(client(UNLOCK_A));
    creator.finish();
    assert_eq!(said(&mut parked), daemon(r#"95 later rc="0""#));
    assert_eq!(creator.hear(), Heard::Closed);
    parked.finish();
    assert_eq!(said(&mut queued), daemon(r#"95 later rc="0""#));
}

#[test]
fn a_bad_name_of_an_old_client_is_answered_as_ever() {
    let place = Daemon::start();
    let mut wire = place.connect();
    wire.say(ask("1abc").message());
    assert_eq!(as_old(&hear(&mut wire)), daemon(r#"149 first rc="-14""#));
    assert_eq!(wire.hear(), Heard::Closed);
}

#[test]
fn an_old_client_that_asks_for_the_end_hears_it_by_the_close() {
    for immediate in ["0", "1"] {
        let mut place = Daemon::start();
        let mut wire = place.connect();
        wire.say(client(&format!("155 shutdown immediate=\"{immediate}\"")));
        assert_eq!(wire.hear(), Heard::Closed);
        place.wait_for_end();
    }
}

#[test]
fn between_this_flom_and_this_daemon_the_order_is_the_same() {
    let place = Daemon::start();
    let tap = place.tap();
    tap.flom(["-r", "A", "--", "true"]).run().expect(0, "", "");
    let flows = tap.wait_for_end();
    let [
        Flow::ToDaemon(asked),
        Flow::ToClient(answer),
        Flow::ToDaemon(freed),
        ends @ ..,
    ] = &flows[..]
    else {
        panic!("{flows:?}");
    };
    assert_eq!(as_old(asked), client(LOCK_A));
    // A grant has a number, for those who understand it.
    let (head, tail) = answer.split_once(" fence=\"").unwrap();
    let (_, tail) = tail.split_once('"').unwrap();
    let without = as_old(&format!("{head}{tail}"));
    assert_eq!(without, daemon(r#"147 first rc="0""#));
    assert_eq!(*freed, client(UNLOCK_A));
    assert_eq!(ends, [Flow::ClientEnds, Flow::DaemonEnds]);
    assert!(
        asked.contains(EXTENSION) && answer.contains(EXTENSION),
        "{flows:?}"
    );
}

#[test]
fn a_long_name_leaves_the_extension_out_so_that_an_old_daemon_takes_it() {
    let name = "n".repeat(240);
    let old = FakeDaemon::new(|mut wire| {
        let heard = hear(&mut wire);
        assert_eq!(heard.len(), 511);
        assert!(!heard.contains(EXTENSION), "{heard}");
        wire.say(daemon(r#"147 first rc="0""#));
        hear(&mut wire);
        assert_eq!(wire.hear(), Heard::Closed);
    });
    old.flom(["-r", &name, "--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
    old.finish();
    let name = "n".repeat(600);
    Daemon::start()
        .flom(["-r", &name, "--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
}
