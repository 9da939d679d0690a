//! Lists the modules: every `NAME.cvma` beside this file is the module `std/NAME`.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "cvma") {
            let name = path.file_stem().and_then(|name| name.to_str());
            names.push((name.ok_or("a module's name is UTF-8")?.to_string(), path));
        }
    }
    names.sort();
    let mut table = String::from("&[\n");
    for (name, path) in names {
        writeln!(
            table,
            "    Module {{ name: \"std/{name}\", file: \"std/{name}.cvma\", text: include_str!({path:?}) }},"
        )?;
    }
    table.push(']');
    let out = PathBuf::from(env::var("OUT_DIR")?).join("modules.rs");
    fs::write(out, table)?;
    Ok(())
}
