//! A command under a lock.

use crate::harness::{
    Daemon, FakeDaemon, Flow, Heard, Program, Scratch, ask, message, state, wait_until,
};

/// Modes as they are typed, in the order of their numbers on the wire.
const MODES: [&str; 6] = ["NL", "CR", "CW", "PR", "PW", "EX"];

/// Row: mode held. Column: mode asked for (`spec/resources.md` §5).
#[rustfmt::skip]
const COMPATIBLE: [[u8; 6]; 6] = [
    //       NL CR CW PR PW EX
    /* NL */ [1, 1, 1, 1, 1, 1],
    /* CR */ [1, 1, 1, 1, 1, 0],
    /* CW */ [1, 1, 1, 0, 0, 0],
    /* PR */ [1, 1, 0, 1, 0, 0],
    /* PW */ [1, 1, 0, 0, 0, 0],
    /* EX */ [1, 0, 0, 0, 0, 0],
];

#[test]
fn a_command_runs_and_its_output_and_status_are_those_of_flom() {
    let daemon = Daemon::start();
    daemon
        .flom(["-r", "db", "--", "echo", "hi"])
        .run()
        .expect(0, "hi\n", "");
    let script = "cat; echo wrong >&2; exit 7";
    let mut command = daemon.flom(["-r", "db", "--", "sh", "-c", script]).spawn();
    command.type_line("from stdin");
    command.close_stdin();
    command.wait().expect(7, "from stdin\n", "wrong\n");
}

#[test]
fn the_second_command_starts_when_the_first_ends() {
    let daemon = Daemon::start();
    let mut first = daemon.holder("db");
    let second = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    assert_eq!(second.stdout_so_far(), "");
    first.close_stdin();
    second.wait().expect(0, "mine\n", "");
    first.wait().expect(0, "held\n", "");
}

#[test]
fn waiters_are_served_in_the_order_they_came() {
    let daemon = Daemon::start();
    let mut first = daemon.holder("db");
    let list = daemon.scratch().file("list");
    let script = "echo $1 >>$0";
    let waiters: Vec<_> = ["1", "2", "3", "4", "5"]
        .map(|number| {
            let words = [
                "-r",
                "db",
                "--",
                "sh",
                "-c",
                script,
                list.to_str().unwrap(),
                number,
            ];
            daemon.waiter(words)
        })
        .into();
    first.close_stdin();
    for waiter in waiters {
        waiter.wait().expect(0, "", "");
    }
    assert_eq!(std::fs::read_to_string(list).unwrap(), "1\n2\n3\n4\n5\n");
}

#[test]
fn other_resources_are_not_in_the_way() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("db");
    daemon
        .flom(["-r", "web", "-o", "0", "--", "echo", "ok"])
        .run()
        .expect(0, "ok\n", "");
}

#[test]
fn without_a_name_all_commands_share_one_resource() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("db");
    let inner = [
        env!("CARGO_BIN_EXE_flom"),
        "-s",
        daemon.socket().to_str().unwrap(),
        "-o",
        "0",
    ];
    let words = [&["--"][..], &inner, &["--", "true"]].concat();
    daemon.flom(words).run().expect_code(98);
}

#[test]
fn the_lock_is_free_when_flom_returns() {
    let daemon = Daemon::start();
    for _ in 0..50 {
        daemon
            .flom(["-r", "db", "--", "true"])
            .run()
            .expect(0, "", "");
        daemon
            .flom(["-r", "db", "-o", "0", "--", "true"])
            .run()
            .expect(0, "", "");
    }
}

#[test]
fn flom_returns_only_when_the_daemon_has_let_go() {
    let daemon = FakeDaemon::new(|mut client| {
        client.hear();
        client.say(message(1, 16, "<session peerid=\"x\"/><answer rc=\"0\"/>"));
        client.hear(); // the unlock
        assert_eq!(client.hear(), Heard::Closed);
        assert!(
            client.is_there(),
            "it says no more, but waits for the end of the other side"
        );
    });
    daemon.flom(["--", "true"]).run().expect(0, "", "");
    daemon.finish();
}

#[test]
fn modes_go_together_as_the_table_says() {
    let daemon = Daemon::start();
    for (held, row) in MODES.iter().zip(COMPATIBLE) {
        let script = "echo held; exec cat";
        let mut holder = daemon
            .flom(["-r", held, "-l", held, "--", "sh", "-c", script])
            .spawn();
        holder.wait_for_stdout("held\n");
        for (asked, fits) in MODES.iter().zip(row) {
            let words = ["-r", held, "-l", asked, "-o", "0", "--", "true"];
            let code = daemon.flom(words).run().code();
            assert_eq!(
                code,
                if fits == 1 { 0 } else { 98 },
                "{held} is held, {asked} wanted"
            );
        }
        holder.close_stdin();
        holder.wait().expect(0, "held\n", "");
    }
}

#[test]
fn a_writer_waits_for_every_reader() {
    let daemon = Daemon::start();
    let script = "echo held; exec cat";
    let mut readers = [(); 2].map(|()| {
        let reader = daemon
            .flom(["-r", "db", "-l", "PR", "--", "sh", "-c", script])
            .spawn();
        reader.wait_for_stdout("held\n");
        reader
    });
    let writer = daemon.waiter(["-r", "db", "-l", "PW", "--", "echo", "written"]);
    let [first, second] = &mut readers;
    first.close_stdin();
    daemon
        .flom(["-r", "other", "--", "true"])
        .run()
        .expect(0, "", "");
    assert_eq!(writer.stdout_so_far(), "");
    second.close_stdin();
    writer.wait().expect(0, "written\n", "");
}

#[test]
fn what_was_locked_of_many_things_is_one_more_argument() {
    let daemon = Daemon::start();
    let table = [
        ("red.green", "x y red\n"),
        ("_s_q[1]", "x y 1\n"),
        ("_S_q[1]", "x y 1\n"),
        ("db", "x y\n"),
        ("pool[3]", "x y\n"),
        ("/a/b", "x y\n"),
    ];
    for (name, printed) in table {
        daemon
            .flom(["-r", name, "--", "echo", "x", "y"])
            .run()
            .expect(0, printed, "");
    }
}

#[test]
fn a_number_comes_back_when_its_command_fails_or_is_killed() {
    let daemon = Daemon::start();
    let run = |script| {
        let words = ["-r", "_S_invoice[1]", "--", "sh", "-c", script, "sh"];
        daemon.flom(words).run().stdout
    };
    assert_eq!(run("echo $1; exit 1"), "1\n");
    assert_eq!(run("echo $1; kill -KILL $$"), "1\n");
    assert_eq!(run("echo $1"), "1\n");
    assert_eq!(run("echo $1"), "2\n");
}

#[test]
fn the_command_finds_everything_as_if_flom_had_not_been_there() {
    let daemon = Daemon::start();
    let scratch = Scratch::new();
    // Directory, umask, environment but for what is said about the lock, descriptors, priority,
    // signals, session.
    let script = r#"
        pwd; umask; env | sort | grep -v -e ^_= -e ^FLOM_; ls /proc/self/fd; nice
        grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
        set -- $(cat /proc/$$/stat); echo session $6; echo parent $4 group $5"#;
    let plain = "umask 027; exec nice -n 3 sh -c \"$1\"";
    let locked = "umask 027; exec nice -n 3 \"$FLOM\" -s \"$2\" -d 0 -- sh -c \"$1\"";
    let words = [script, daemon.socket().to_str().unwrap()];
    let [plain, locked] = [plain, locked].map(|how| {
        let program = Program::sh(how, words)
            .directory(scratch.path())
            .env("SOME", "thing");
        let found = program.own_group().run().expect_code(0).stdout;
        let (found, family) = found.split_once("parent ").unwrap();
        let (parent, group) = family.trim().split_once(" group ").unwrap();
        (found.to_string(), parent == group)
    });
    assert!(
        plain.0.contains("SOME=thing\n") && plain.0.contains("027\n"),
        "{}",
        plain.0
    );
    assert_eq!(locked.0, plain.0);
    assert!(locked.1, "the command is in the group of flom, its parent");
}

#[test]
fn arguments_are_bytes() {
    let daemon = Daemon::start();
    let script = "bytes=$(printf '\\303\\251\\377\\033'); \
                  \"$FLOM\" -s \"$1\" -d 0 -- printf %s \"$bytes\" | od -An -tx1";
    let words = [daemon.socket().to_str().unwrap()];
    Program::sh(script, words)
        .run()
        .expect(0, " c3 a9 ff 1b\n", "");
}

#[test]
fn only_the_command_is_waited_for_not_children_that_flom_has_inherited() {
    let daemon = Daemon::start();
    // The shell becomes flom; what it has started in the background is flom's child then.
    let script = "sh -c 'echo child $$; exec true' & \
                  exec \"$FLOM\" -s \"$1\" -d 0 -r db -- sh -c 'echo held; cat; exit 7'";
    let mut flom = Program::sh(script, [daemon.socket().to_str().unwrap()]).spawn();
    let output = flom.wait_for_stdout("held\n");
    let output = match output.contains("child ") {
        true => output,
        false => flom.wait_for_stdout("child "),
    };
    let line = output.lines().find(|line| line.starts_with("child "));
    let child = line.unwrap().trim_start_matches("child ").parse().unwrap();
    wait_until("a child that has ended", || {
        state(child).as_deref() == Some("Z")
    });
    assert_eq!(daemon.probe("db"), 4);
    flom.close_stdin();
    flom.wait().expect_code(7);
}

#[test]
fn a_waiter_that_was_served_unlocks_in_order() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let tap = daemon.tap();
    let waiter = tap.flom(["-r", "db", "--", "true"]).spawn();
    tap.wait_for_answer("rc=\"1\"");
    holder.close_stdin();
    waiter.wait().expect(0, "", "");
    let flows = tap.wait_for_end();
    assert!(matches!(&flows[4], Flow::ClientEnds), "{flows:?}");
    assert!(matches!(&flows[5], Flow::DaemonEnds), "{flows:?}");
}

#[test]
fn a_reader_may_pass_a_waiting_writer() {
    let daemon = Daemon::start();
    let mut reader = daemon.connect();
    let mut ask = ask("db");
    ask.mode = 3;
    assert_eq!(reader.ask(ask), (16, 0));
    let writer = daemon.waiter(["-r", "db", "-l", "PW", "--", "true"]);
    daemon
        .flom(["-r", "db", "-l", "PR", "-o", "0", "--", "echo", "read"])
        .run()
        .expect(0, "read\n", "");
    reader.finish();
    writer.wait().expect(0, "", "");
}
