//! Has the programs carry the few functions of libgcc_s that a panic needs for its backtrace.
//!
//! Loading that library is a tenth of a millisecond of each start, of `flom` and of `flomd`, for
//! something that never happens. rustc names it itself, so no flag leaves it out; but the linker
//! takes the first `libgcc_s.so` that it finds, and one that is a text may name other files to link.
//! Where the static libraries are not at hand, the programs are linked as usual.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let native = env::var("HOST") == env::var("TARGET");
    if !native || target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    let (Some(exceptions), Some(arithmetic)) = (find("libgcc_eh.a"), find("libgcc.a")) else {
        return;
    };
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let text = format!("INPUT({} {})\n", exceptions.display(), arithmetic.display());
    fs::write(directory.join("libgcc_s.so"), text).expect("cargo has made the directory");
    println!("cargo:rustc-link-search=native={}", directory.display());
}

/// Where the compiler that links has one of its libraries.
fn find(library: &str) -> Option<PathBuf> {
    let asked = Command::new("cc")
        .arg(format!("-print-file-name={library}"))
        .output();
    let answer = String::from_utf8(asked.ok()?.stdout).ok()?;
    let path = Path::new(answer.trim());
    path.is_absolute().then(|| path.to_path_buf())
}
