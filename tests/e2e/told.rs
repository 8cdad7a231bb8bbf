//! What a command finds in its environment about the lock that it runs under.

use std::net::IpAddr;

use rustix::process::Signal;

use crate::harness::{
    Daemon, FakeDaemon, Finished, Heard, PEER, Program, flom, hosts, message, unlock, wait_until,
};

/// The variables about the lock, in order, but for the number of the grant and the session.
const SHOW: &str = "env | grep ^FLOM_ | grep -v -e FENCE -e SESSION | sort; \
                    test $FLOM_FENCE -gt 0 && test ${#FLOM_SESSION} = 16";

/// Whatever the environment says about an outer lock, which is not this one.
fn with_other_values(mut program: Program) -> Program {
    for name in ["RESOURCE", "ELEMENT", "MODE", "FENCE", "PREVIOUS"] {
        program = program.env(&format!("FLOM_{name}"), "other");
    }
    program
}

#[test]
fn a_command_is_told_about_its_lock_and_nothing_about_others() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        for (words, told) in [
            (
                &["-r", "db", "-l", "PW"][..],
                "FLOM_MODE=PW\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=db\n",
            ),
            (
                &["-r", "/a/b"],
                "FLOM_MODE=EX\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=/a/b\n",
            ),
            (
                &["-r", "p[3]", "-q", "2"],
                "FLOM_PREVIOUS=none\nFLOM_RESOURCE=p[3]\n",
            ),
            (
                &["-r", "red.green"],
                "FLOM_ELEMENT=red\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=red.green\n",
            ),
            (
                &["-r", "_s_n[1]"],
                "FLOM_ELEMENT=1\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=_s_n[1]\n",
            ),
        ] {
            let words = words.iter().copied().chain(["--", "sh", "-c", SHOW]);
            let program = with_other_values(daemon.flom(words));
            program.run().expect(0, told, "");
        }
        // The time is different every time; it is handed over as a word too.
        let script = "test \"$FLOM_ELEMENT\" = \"$0\" && echo $FLOM_RESOURCE ${FLOM_MODE-unset}";
        let words = ["-r", "_t_%F.%T[1]", "--", "sh", "-c", script];
        let program = with_other_values(daemon.flom(words));
        program.run().expect(0, "_t_%F.%T[1] unset\n", "");
    }
}

#[test]
fn a_nested_command_is_told_about_its_own_lock_and_whom_it_runs_inside_of() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let [option, place] = daemon.place_words();
        let script = r#"
            show() {
                echo "$FLOM_RESOURCE ${FLOM_ELEMENT-unset} ${FLOM_MODE-unset} $FLOM_PREVIOUS"
                echo $FLOM_SESSION $FLOM_FENCE >&2
            }
            show
            name=$1; shift
            test "$name" != end || exit 0
            exec "$FLOM" "$OPTION" "$PLACE" -d 0 -r "$name" -- sh -c "$SCRIPT" sh "$@""#;
        let words = ["-r", "red.green", "--", "sh", "-c", script, "sh"];
        let ended = daemon
            .flom(words)
            .args(["db", "p[3]", "_s_n[1]", "/a", "end"])
            .env("OPTION", &option)
            .env("PLACE", &place)
            .env("SCRIPT", script)
            .run()
            .expect_code(0);
        let told = "red.green red unset none\ndb unset EX none\np[3] unset unset none\n\
                    _s_n[1] 1 unset none\n/a unset EX none\n";
        assert_eq!(ended.stdout, told, "{ended:?}");
        let told: Vec<(&str, u64)> = ended
            .stderr
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(session, fence)| (session, fence.parse().unwrap()))
            .collect();
        for pair in told.windows(2) {
            let [(outer, earlier), (inner, later)] = [pair[0], pair[1]];
            let own = inner.strip_prefix(outer).expect("inside of it");
            assert_eq!((own.len(), &own[..1]), (17, "."), "{inner}");
            assert!(earlier < later, "{earlier} {later}");
        }
    }
}

/// The next holder of `name` in this mode, and what it was told of the last exclusive one.
fn next(flom: impl Fn() -> Program, name: &str, mode: &str, script: &str) -> Finished {
    let script = format!("echo $FLOM_PREVIOUS; {script}");
    let words = ["-r", name, "-l", mode, "--", "sh", "-c", &script];
    flom().args(words).run()
}

/// Commands end in every way, in turn on the side of `one` and of `other`.
fn each_learns_how_the_last_ended(
    daemon: &Daemon,
    one: impl Fn() -> Program,
    other: impl Fn() -> Program,
) {
    // Of a path that nobody uses any more, only bad ends are remembered.
    for (name, well) in [("db", "released\n"), ("/a/b", "none\n")] {
        let ended = next(&one, name, "EX", "exit 3");
        ended.expect(3, "none\n", "");
        // Who only reads neither makes it well nor worse.
        let ended = next(&other, name, "PR", "exit 4");
        ended.expect(4, "failed:3\n", "");
        let ended = next(&other, name, "EX", "kill -9 $$");
        assert_eq!(ended.stdout, "failed:3\n");
        let ended = next(&one, name, "EX", "true");
        ended.expect(0, "killed:9\n", "");
        let ended = next(&other, name, "EX", "true");
        ended.expect(0, well, "");
        let words = ["-r", name, "--", "sh", "-c", "echo held; exec cat"];
        let mut holder = one().args(words).spawn();
        holder.wait_for_stdout("held\n");
        holder.signal(Signal::KILL);
        wait_until("a lock that is free", || daemon.probe(name) != 4);
        let ended = next(&other, name, "CR", "true");
        ended.expect(0, "lost\n", "");
        holder.close_stdin();
    }
}

#[test]
fn the_next_holder_learns_how_the_last_exclusive_one_ended() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let near = || daemon.flom([]);
        each_learns_how_the_last_ended(&daemon, near, near);
    }
}

#[test]
fn so_it_does_on_another_host() {
    let Some([here, there]) = hosts() else {
        return;
    };
    here.cable("here", &there, "there");
    here.add_ipv4("here", "10.79.1.1/24");
    there.add_ipv4("there", "10.79.1.2/24");
    let address: IpAddr = "10.79.1.1".parse().unwrap();
    let daemon = Daemon::start_on(&here, address, &[]);
    let near = || daemon.flom([]);
    let far = || flom(["-a", "10.79.1.1", "-d", "0"]).on(&there);
    each_learns_how_the_last_ended(&daemon, far, near);
    let daemon = Daemon::start_on_port(&here, address, 28016, &["-p", "28016"]);
    let near = || daemon.flom(["-p", "28016"]);
    let far = || flom(["-a", "10.79.1.1", "-p", "28016", "-d", "0"]).on(&there);
    each_learns_how_the_last_ended(&daemon, near, far);
}

#[test]
fn under_an_old_daemon_a_command_is_told_what_that_knows_and_the_daemon_nothing_new() {
    let daemon = FakeDaemon::new(|mut wire| {
        let Heard::Message(_) = wire.hear() else {
            panic!("the end instead of a request")
        };
        let session = format!("<session peerid=\"{PEER}\"/>");
        let answer = "<answer rc=\"0\" element=\"red\"/>";
        wire.say(message(1, 16, &format!("{session}{answer}")));
        // Not a ping, nor how the command ended but for whether it failed.
        let failed = unlock("red.green").replace("rollback=\"0\"", "rollback=\"1\"");
        assert_eq!(wire.hear(), Heard::Message(failed));
        assert_eq!(wire.hear(), Heard::Closed);
    });
    // Long enough to be asked several times whether it is there.
    let script = "env | grep ^FLOM_ | grep -v SESSION | sort; sleep 1; exit 3";
    let words = ["--heartbeat=0.3", "--on-dirty=echo no", "-r", "red.green"];
    let program = daemon.flom(words).args(["--", "sh", "-c", script]);
    let ended = with_other_values(program).run();
    ended.expect(3, "FLOM_ELEMENT=red\nFLOM_RESOURCE=red.green\n", "");
    daemon.finish();
}
