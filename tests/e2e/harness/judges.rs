//! Programs of others that judge what flom prints.

use std::fs;

use super::program::{Finished, Program};
use super::scratch::Scratch;

/// Has a Python program that needs `module` read `text`, as a file that is its last word.
pub(crate) fn judge(module: &str, program: &str, words: &[&str], text: &str) -> Finished {
    let scratch = Scratch::new();
    let file = scratch.file("text");
    fs::write(&file, text).unwrap();
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/python-with");
    Program::new(python)
        .args([module, "-c", program])
        .args(words)
        .args([file.to_str().unwrap()])
        .run()
}

/// Fails unless the JSON is what its schema says.
#[track_caller]
pub(crate) fn validate(json: &str) {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.schema.json");
    let program = "import json, sys, jsonschema\n\
        schema, document = (json.load(open(name)) for name in sys.argv[1:])\n\
        jsonschema.Draft202012Validator(schema).validate(document)\n";
    let judged = judge("jsonschema", program, &[schema], json);
    assert_eq!(judged.code(), 0, "{json}\n{judged:?}");
}
