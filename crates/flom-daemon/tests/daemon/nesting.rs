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
