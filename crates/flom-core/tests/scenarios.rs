//! Plays the stories of `tests/scenarios/*.txt` with virtual time.
//!
//! The notation is that of `spec/resources.md` §0, a story a line, each with a manager of its own:
//! `ID | resource | steps`. Added to it: `{n}` says that the session is a command of its own, `{nA}`
//! that it runs inside of A, `{nA,r}` that it may have what A has, and `=100/B>foo>A+..` is the answer
//! that it would wait for itself, with the circle; `fairness bounded N`, `fairness fifo` or
//! `fairness first-fit` on a line of its own holds for the stories below it in that file; `A.&B-`
//! are two things that happen in the same instant.

mod scenario;

use std::fs;
use std::path::Path;

#[test]
fn every_scenario_goes_as_told() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (mut played, mut faults) = (0, Vec::new());
    for file in files {
        let told = scenario::play_file(&fs::read_to_string(&file).unwrap());
        assert!(!told.is_empty(), "{} has no scenario", file.display());
        played += told.len();
        faults.extend(told.into_iter().filter_map(Result::err));
    }
    println!("{played} scenarios");
    assert!(
        faults.is_empty(),
        "{} of {played} differ:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn a_scenario_that_goes_otherwise_is_noticed() {
    let wrong = [
        "X | foo | A:EX=0 B:EX=0",
        "X | foo | A:EX=0 B:EX=1 A- B?",
        "X | foo | A:EX=0 B:EX=1 B>0",
        "X | a.b | A:L=0/b",
        "X | foo | A:EX=0 A- A#",
        "X | foo | A:EX=#",
        "X | foo | A:EX{n}=0 B:EX{nA}=100/B>foo>B",
        "X | _t_%T[1] | ^1000 A:L=0/* B:L=1 B>0/*(0..500)",
        "X | foo | A:EX=0 nonsense",
    ];
    for line in wrong {
        assert!(scenario::play_file(line)[0].is_err(), "{line}");
    }
}
