//! Requests inside of each other, and what only those are told who understand it.

use flom_proto::{Answer, AnswerStep, Ties};
use flom_types::{Lineage, Previous, Token};

use crate::harness::{Client, Running, tied};

fn ties(lineage: Lineage) -> Ties {
    Ties {
        lineage: Some(lineage),
        ..Ties::default()
    }
}

fn asked(client: &mut Client, name: &str, lineage: &Lineage) -> Answer {
    client.say(&tied(name, ties(lineage.clone()))).hear()
}

#[test]
fn who_would_wait_for_itself_is_told_so_in_words() {
    let daemon = Running::start();
    let [ann, bob] = [1, 2].map(|token| Lineage::outermost(Token(token)));
    let [mut outer_ann, mut outer_bob] = [(); 2].map(|()| daemon.client());
    assert_eq!(asked(&mut outer_ann, "a", &ann).rc, 0);
    assert_eq!(asked(&mut outer_bob, "b", &bob).rc, 0);
    let mut within_ann = daemon.client();
    let first = asked(&mut within_ann, "b", &ann.inner(Token(3)));
    assert_eq!((first.step, first.rc), (AnswerStep::First, 1));
    let mut within_bob = daemon.client();
    let second = asked(&mut within_bob, "a", &bob.inner(Token(4)));
    assert_eq!((second.step, second.rc), (AnswerStep::First, 100));
    let circle = second.element.unwrap();
    let lines: Vec<&str> = circle.lines().collect();
    assert_eq!(lines.len(), 2, "{circle}");
    assert!(lines[0].contains(" waits for a (EX), which "), "{circle}");
    assert!(lines[0].ends_with(" holds (EX)"), "{circle}");
    assert!(lines[1].starts_with("under that lock, "), "{circle}");
    assert!(lines[1].contains(" waits for b (EX), which "), "{circle}");
    // The one that was first goes on.
    drop(within_bob);
    outer_bob.unlock("b");
    within_ann.granted();
}

#[test]
fn a_circle_of_many_words_is_told_in_part() {
    const SESSIONS: u64 = 30;
    let daemon = Running::start();
    let name = |which: u64| format!("/{}{which}", "x".repeat(1000));
    let mut clients = Vec::new();
    let mut ask = |name: &str, lineage: &Lineage| {
        clients.push(daemon.client());
        asked(clients.last_mut().unwrap(), name, lineage)
    };
    let outer = |which: u64| Lineage::outermost(Token(which));
    for which in 0..SESSIONS {
        assert_eq!(ask(&name(which), &outer(which)).rc, 0);
    }
    for which in 1..SESSIONS {
        let inner = outer(which - 1).inner(Token(1000 + which));
        assert_eq!(ask(&name(which), &inner).rc, 1);
    }
    let last = ask(&name(0), &outer(SESSIONS - 1).inner(Token(1000)));
    let circle = last.element.unwrap();
    assert_eq!(last.rc, 100);
    assert!((4_000..9_000).contains(&circle.len()), "{circle}");
    let lines = u64::try_from(circle.lines().count()).unwrap();
    let rest = format!("\nand so on, {} times", SESSIONS + 1 - lines);
    assert!(circle.ends_with(&rest), "{circle}");
}

#[test]
fn the_number_of_a_grant_and_the_end_of_the_last_one_are_for_those_who_understand() {
    let daemon = Running::start();
    let ann = Lineage::outermost(Token(1));
    let mut first = daemon.client();
    let fence = asked(&mut first, "db", &ann).fence.unwrap();
    drop(first); // while it has the lock
    let mut second = daemon.client();
    let answer = asked(&mut second, "db", &ann);
    assert!(answer.fence.unwrap() > fence);
    assert_eq!(answer.previous, Some(Previous::Lost));
    drop(second);
    let answer = daemon.client().say(&crate::harness::lock("db")).hear();
    assert_eq!((answer.rc, answer.fence, answer.previous), (0, None, None));
}
