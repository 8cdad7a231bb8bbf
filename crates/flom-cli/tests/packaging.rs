//! What is installed beside the programs: kept up to date, complete, and as its readers want it.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use flom_cli::packaging::files;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// What `program` says, or nothing, loudly, if this machine has none. CI has those that must be.
fn run(program: &str, words: &[&str], in_ci: bool) -> Option<Output> {
    let output = Command::new(program)
        .args(words)
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "80")
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(!in_ci || env::var_os("CI").is_none(), "{program}: {error}");
            eprintln!("SKIPPED, NOT PASSED: {program}: {error}");
            None
        }
    }
}

#[test]
fn the_files_in_the_sources_are_up_to_date() {
    for file in files() {
        let kept = fs::read_to_string(folder().join(file.path)).unwrap_or_default();
        assert!(
            kept == file.text,
            "packaging/{} is old: cargo run -p flom-cli --example packaging",
            file.path
        );
    }
}

#[test]
fn man_has_nothing_to_say_about_the_pages() {
    for page in ["man/flom.1", "man/flomd.8", "man/flom.conf.5"] {
        let path = folder().join(page);
        let words = ["--warnings", "-E", "UTF-8", "-l", path.to_str().unwrap()];
        let Some(output) = run("man", &words, true) else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("SEE ALSO"), "{page}: {shown}");
        let long = shown.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{page}");
    }
}

#[test]
fn the_shells_understand_the_completions() {
    for (shell, in_ci, paths) in [
        ("bash", true, ["bash/flom", "bash/flomd"]),
        ("zsh", false, ["zsh/_flom", "zsh/_flomd"]),
        ("fish", false, ["fish/flom.fish", "fish/flomd.fish"]),
    ] {
        for path in paths {
            let path = folder().join("completions").join(path);
            let Some(output) = run(shell, &["-n", path.to_str().unwrap()], in_ci) else {
                break;
            };
            assert!(output.status.success(), "{output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{path:?}");
        }
    }
}

/// What bash offers for the last of `words`, sorted.
fn offered(program: &str, words: &[&str]) -> Vec<String> {
    let script = r#"
        unset -f _command_offset
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        "_$1"
        printf '%s\n' "${COMPREPLY[@]}" | sort
    "#;
    let file = folder().join("completions/bash").join(program);
    let mut all = vec![
        "--norc",
        "-c",
        script,
        "bash",
        file.to_str().unwrap(),
        program,
    ];
    all.extend(words);
    let output = run("bash", &all, true).expect("bash is everywhere");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let shown = String::from_utf8(output.stdout).unwrap();
    shown
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_string)
        .collect()
}

#[test]
fn bash_offers_what_can_stand_there() {
    let table: [(&[&str], &[&str]); 10] = [
        (&["--lock"], &["--lock-mode"]),
        (&["-V", "--lock"], &["--lock-mode"]),
        (&["-l", "E"], &["EX"]),
        (&["-r", "x", "-l", "C"], &["CR", "CW"]),
        (&["--lock-mode", "=", "P"], &["PR", "PW"]),
        (&["--killed-status", "="], &["signal", "zero"]),
        (&["-e", ""], &["no", "yes"]),
        (&["-o", ""], &[]),
        (&["--ignore-signal", "SIGTE"], &["SIGTERM"]),
        (
            &["--debug-feature", "=", "ipv6.multicast.s"],
            &["ipv6.multicast.server"],
        ),
    ];
    for (words, offers) in table {
        assert_eq!(offered("flom", words), offers, "{words:?}");
    }
}

#[test]
fn bash_offers_commands_behind_the_options_and_files_behind_the_command() {
    for words in [
        &["bas"][..],
        &["-V", "bas"],
        &["-o", "5", "--", "bas"],
        &["-l", "EX", "bas"],
    ] {
        let offers = offered("flom", words);
        assert!(
            offers.contains(&"bash".to_string()),
            "{words:?}: {offers:?}"
        );
    }
    for words in [&["cat", "/etc/passw"][..], &["--", "cat", "/etc/passw"]] {
        let offers = offered("flom", words);
        assert!(
            offers.contains(&"/etc/passwd".to_string()),
            "{words:?}: {offers:?}"
        );
    }
    assert_eq!(offered("flomd", &["bas"]), Vec::<String>::new());
}
