//! A program that starts by this crate: its arguments, its output, its status, its panic.
//!
//! It is its own subject: what runs by itself starts itself in the roles that are looked at. It has
//! its own `main` in place of the macro's, which leaves tests to the test harness.

#![cfg_attr(all(target_os = "linux", target_env = "gnu"), no_main)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::process::{Command, ExitCode, Output};

/// Names the role.
const ROLE: &str = "FLOM_START_ROLE";

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library calls it by this name")]
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    flom_start::start(program)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() -> ExitCode {
    program()
}

fn program() -> ExitCode {
    match env::var(ROLE).as_deref() {
        Ok("prints") => {
            let words: Vec<String> = env::args().skip(1).collect();
            print!("{words:?}"); // no end of line: stays in memory until somebody flushes it
            ExitCode::from(7)
        }
        Ok("panics") => panic!("on purpose"),
        _ => {
            arguments_output_and_status_are_as_ever();
            a_panic_says_why_and_ends_with_101();
            ExitCode::SUCCESS
        }
    }
}

fn arguments_output_and_status_are_as_ever() {
    let ended = run("prints");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), r#"["one", ""]"#);
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
}

fn a_panic_says_why_and_ends_with_101() {
    let ended = run("panics");
    assert_eq!(ended.status.code(), Some(101), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("on purpose"));
}

fn run(role: &str) -> Output {
    let mut program = Command::new(env::current_exe().unwrap());
    program.env(ROLE, role).args(["one", ""]).output().unwrap()
}
