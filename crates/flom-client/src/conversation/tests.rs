//! What a client makes of what a daemon says, and of its silence.

use super::*;

const FOREVER: Terms = Terms {
    waits: true,
    grant: None,
    answer: None,
};
const AT_ONCE: Terms = Terms {
    waits: false,
    grant: None,
    answer: Some(Duration::from_secs(10)),
};
const WAITING: Result<Progress, Fault> = Ok(Progress::Waiting { queued: false });
const QUEUED: Result<Progress, Fault> = Ok(Progress::Waiting { queued: true });
const GRANTED: Result<Progress, Fault> = Ok(Progress::Granted);

fn answer(step: u32, rc: i32) -> String {
    format!(
        "<msg level=\"3\" verb=\"1\" step=\"{step}\"><session peerid=\"x\"/>\
         <answer rc=\"{rc}\"/></msg>"
    )
}

/// What the client makes of a daemon that says all this at once.
fn after(terms: Terms, said: &str) -> Result<Progress, Fault> {
    let mut conversation = Conversation::new(terms, Time(0));
    conversation.heard(said.as_bytes())?;
    Ok(conversation.progress())
}

fn refused(rc: i32) -> Result<Progress, Fault> {
    Err(Fault::Refused(rc))
}

fn is_out_of_turn(result: &Result<Progress, Fault>) -> bool {
    matches!(result, Err(Fault::OutOfTurn { .. }))
}

fn element(conversation: &Conversation) -> Option<&str> {
    conversation.granted()?.element.as_deref()
}

#[test]
fn the_first_answer_grants_lets_wait_or_refuses() {
    let table = [
        (0, GRANTED),
        (1, QUEUED),
        (2, WAITING),
        (3, refused(3)),
        (4, refused(4)),
        (5, refused(5)),
        (6, refused(6)),
        (-14, refused(-14)),
    ];
    for (rc, expected) in table {
        assert_eq!(after(FOREVER, &answer(16, rc)), expected, "16/{rc}");
    }
}

#[test]
fn any_other_first_answer_is_out_of_turn() {
    for said in [
        answer(16, 99),
        answer(16, -1),
        answer(24, 0),
        answer(24, 1),
        answer(32, 0),
        "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string(),
        "<msg level=\"3\" verb=\"3\" step=\"16\"></msg>".to_string(),
        "<msg level=\"3\" verb=\"4\" step=\"8\"></msg>".to_string(),
        "<msg level=\"3\" verb=\"5\" step=\"8\"><shutdown immediate=\"1\"/></msg>".to_string(),
    ] {
        let result = after(FOREVER, &said);
        assert!(is_out_of_turn(&result), "{said}: {result:?}");
    }
}

#[test]
fn while_waiting_only_a_plain_grant_is_one() {
    let table = [
        (24, 0, GRANTED),
        (24, 1, QUEUED),
        (24, 2, refused(2)),
        (24, 3, refused(3)),
        (24, 4, refused(4)),
        (24, 6, refused(6)),
        (24, -1, refused(-1)),
        (32, 0, GRANTED),
        (32, 1, QUEUED),
        (32, 3, refused(3)),
        (32, -14, refused(-14)),
    ];
    for first in [1, 2] {
        for (step, rc, expected) in table.clone() {
            let said = answer(16, first) + &answer(step, rc);
            assert_eq!(after(FOREVER, &said), expected, "16/{first} {step}/{rc}");
        }
    }
}

#[test]
fn while_waiting_a_first_answer_or_another_message_is_out_of_turn() {
    for said in [
        answer(16, 0),
        answer(16, 1),
        "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string(),
    ] {
        let result = after(FOREVER, &(answer(16, 1) + &said));
        assert!(is_out_of_turn(&result), "{said}: {result:?}");
    }
}

#[test]
fn a_parked_request_may_be_queued_before_it_is_granted() {
    let said = answer(16, 2) + &answer(24, 1) + &answer(24, 1) + &answer(24, 0);
    assert_eq!(after(FOREVER, &said), GRANTED);
}

#[test]
fn a_request_that_must_not_wait_is_not_made_to() {
    for rc in [1, 2] {
        let result = after(AT_ONCE, &answer(16, rc));
        assert!(is_out_of_turn(&result), "{rc}: {result:?}");
    }
    assert_eq!(after(AT_ONCE, &answer(16, 4)), refused(4));
}

#[test]
fn what_cannot_be_read_is_named() {
    let other_level = answer(16, 0).replace("level=\"3\"", "level=\"4\"");
    for (said, code) in [
        (other_level.clone(), -15),
        (answer(16, 1) + &other_level, -15),
        ("garbage</msg>".to_string(), -16),
        ("x".repeat(1 << 20), -9),
    ] {
        match after(FOREVER, &said) {
            Err(Fault::Unreadable(error)) => assert_eq!(error.code().0, code),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_element_is_what_the_grant_names() {
    let mut conversation = Conversation::new(FOREVER, Time(0));
    conversation.heard(answer(16, 1).as_bytes()).unwrap();
    assert_eq!(element(&conversation), None);
    let grant = answer(24, 0).replace("rc=\"0\"", "rc=\"0\" element=\"a&amp;b\"");
    for byte in grant.bytes() {
        conversation.heard(&[byte]).unwrap();
    }
    assert_eq!(element(&conversation), Some("a&b"));
    // Later noise changes nothing.
    conversation.heard(answer(24, 4).as_bytes()).unwrap();
    assert_eq!(element(&conversation), Some("a&b"));
}

#[test]
fn a_grant_has_a_number_and_tells_how_the_last_holder_ended() {
    for (first, grant) in [("", answer(16, 0)), (&*answer(16, 1), answer(24, 0))] {
        let mut conversation = Conversation::new(FOREVER, Time(0));
        let more = "rc=\"0\" fence=\"9007199254740993\" previous=\"failed:3\"";
        let said = first.to_string() + &grant.replace("rc=\"0\"", more);
        conversation.heard(said.as_bytes()).unwrap();
        let granted = conversation.granted().unwrap();
        assert_eq!(granted.fence, Some(9_007_199_254_740_993));
        assert_eq!(granted.previous, Some(Previous::Failed(3)));
    }
}

#[test]
fn a_refusal_says_why_also_to_who_has_waited() {
    for (first, step) in [("", 16), (&*answer(16, 1), 24), (&*answer(16, 2), 32)] {
        let mut conversation = Conversation::new(FOREVER, Time(0));
        let refusal = answer(step, 100).replace("rc=\"100\"", "rc=\"100\" element=\"a&#10;b\"");
        let heard = conversation.heard((first.to_string() + &refusal).as_bytes());
        assert_eq!(heard, Err(Fault::Refused(100)));
        assert_eq!(conversation.reason(), Some("a\nb"));
    }
}

#[test]
fn the_first_answer_tells_who_the_daemon_is() {
    for (word, extended) in [("", false), (" ext=\"1\"", true)] {
        let mut conversation = Conversation::new(AT_ONCE, Time(0));
        assert_eq!(conversation.is_extended(), None);
        let refusal = answer(16, 5).replace("peerid=\"x\"", &format!("peerid=\"x\"{word}"));
        conversation.heard(refusal.as_bytes()).unwrap_err();
        assert_eq!(conversation.is_extended(), Some(extended));
    }
}

#[test]
fn an_end_before_the_first_answer_is_told_apart() {
    let mut conversation = Conversation::new(FOREVER, Time(0));
    assert_eq!(conversation.ended(), Fault::Ended { unanswered: true });
    conversation.heard(answer(16, 1).as_bytes()).unwrap();
    assert_eq!(conversation.ended(), Fault::Ended { unanswered: false });
}

#[test]
fn the_limit_is_for_all_answers_together() {
    let limit = Duration::from_millis(120);
    let terms = Terms {
        grant: Some(Limit {
            left: Duration::from_millis(100),
            whole: limit,
        }),
        ..FOREVER
    };
    let mut conversation = Conversation::new(terms, Time(5));
    assert_eq!(conversation.next_deadline(), Some(Time(105)));
    conversation
        .heard((answer(16, 2) + &answer(24, 1)).as_bytes())
        .unwrap();
    assert_eq!(conversation.next_deadline(), Some(Time(105)));
    assert_eq!(conversation.tick(Time(104)), Ok(()));
    assert_eq!(
        conversation.tick(Time(105)),
        Err(Fault::TimedOut {
            after: limit,
            queued: true
        })
    );
    conversation.heard(answer(24, 0).as_bytes()).unwrap();
    assert_eq!(conversation.tick(Time(1000)), Ok(()));
}

#[test]
fn patience_without_limit_has_no_deadline() {
    assert_eq!(Conversation::new(FOREVER, Time(5)).next_deadline(), None);
}

#[test]
fn a_limit_between_two_milliseconds_is_kept_to_the_end() {
    let left = Duration::from_micros(300);
    let terms = Terms {
        grant: Some(Limit { left, whole: left }),
        ..FOREVER
    };
    let conversation = Conversation::new(terms, Time(5));
    assert_eq!(conversation.next_deadline(), Some(Time(6)));
}

#[test]
fn an_answer_that_is_due_at_once_is_not_waited_for_for_ever() {
    let limit = Duration::from_secs(10);
    let patient = Terms {
        answer: Some(limit),
        ..FOREVER
    };
    for terms in [AT_ONCE, patient] {
        let mut conversation = Conversation::new(terms, Time(0));
        let late = Time(0) + limit;
        assert_eq!(conversation.next_deadline(), Some(late));
        let overdue = Err(Fault::NoAnswer { after: limit });
        assert_eq!(conversation.tick(late), overdue);
        if terms.waits {
            conversation.heard(answer(16, 1).as_bytes()).unwrap();
            assert_eq!(conversation.next_deadline(), None);
            assert_eq!(conversation.tick(late), Ok(()));
        }
    }
}
