//! Writes what is installed beside the programs into the folder `packaging` of the sources:
//! manual pages, completions, the sample configuration.
//!
//! ```sh
//! cargo run -p flom-cli --example packaging
//! ```

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    for file in flom_cli::packaging::files() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(&path, file.text)?;
        println!("packaging/{}", file.path);
    }
    Ok(())
}
