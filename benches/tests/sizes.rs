//! What the programs weigh, as users get them.

use std::fs;

use flom_bench::Programs;
use memchr::memmem::find;

const MIB: usize = 1024 * 1024;

#[test]
fn the_programs_are_small_and_load_nothing_but_the_c_library() {
    let programs = Programs::build().unwrap();
    for (name, at_most) in [("flom", 3 * MIB), ("flomd", 5 * MIB)] {
        let program = fs::read(programs.path(name)).unwrap();
        assert!(program.len() <= at_most, "{name}: {} bytes", program.len());
        assert!(
            find(&program, b".symtab").is_none(),
            "{name} is not stripped"
        );
        assert!(find(&program, b"libc.so.6").is_some(), "{name}");
        assert!(
            find(&program, b"libgcc_s.so").is_none(),
            "{name} loads libgcc_s at each start: see build.rs"
        );
    }
}
