//! What is installed beside the programs: manual pages, completions, a sample configuration. All of
//! it comes from the tables of options and settings, and from prose.
//!
//! The programs carry none of it. `cargo run -p flom-cli --example packaging` writes it into the
//! folder `packaging` of the sources, and a test says when that has to be done again.

mod bash;
mod fish;
mod manual;
mod program;
mod roff;
mod sample;
mod zsh;

use program::{FLOM, FLOMD};

/// A file to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is kept, in the folder `packaging`.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

/// All of them.
pub fn files() -> Vec<File> {
    let file = |path, text| File { path, text };
    vec![
        file("flom.conf", sample::text()),
        file("man/flom.1", manual::flom()),
        file("man/flomd.8", manual::flomd()),
        file("man/flom.conf.5", manual::flom_conf()),
        file("completions/bash/flom", bash::completion(&FLOM)),
        file("completions/bash/flomd", bash::completion(&FLOMD)),
        file("completions/zsh/_flom", zsh::completion(&FLOM)),
        file("completions/zsh/_flomd", zsh::completion(&FLOMD)),
        file("completions/fish/flom.fish", fish::completion(&FLOM)),
        file("completions/fish/flomd.fish", fish::completion(&FLOMD)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_in_every_completion() {
        for program in [FLOM, FLOMD] {
            let bash = bash::completion(&program);
            let bash: Vec<_> = bash.split([' ', '\'', '\n', ')']).collect();
            let (zsh, fish) = (zsh::completion(&program), fish::completion(&program));
            for option in program.options() {
                for name in option.names() {
                    assert!(bash.contains(&name.as_str()), "bash: {name}");
                    let zsh_has = |end: &str| zsh.contains(&format!("{name}{end}["));
                    assert!(zsh_has("") || zsh_has("="), "zsh: {name}");
                    let fish_name = match name.strip_prefix("--") {
                        Some(long) => format!(" -l {long} "),
                        None => format!(" -s '{}' ", &name[1..]),
                    };
                    assert!(fish.contains(&fish_name), "fish: {name}");
                }
            }
        }
    }
}
