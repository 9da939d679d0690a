//! The reference page is what the comments in the sources say; `BLESS=1` writes it.

use std::fs;
use std::path::Path;

#[test]
fn the_reference_is_what_the_sources_say() {
    let wanted = cvm_std::reference::reference().expect("every export has its comment");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "std/reference.md is stale: run `BLESS=1 cargo test -p cvm-std`"
    );
}

#[test]
fn every_module_is_listed_in_the_readme() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).expect("there is a readme");
    for module in cvm_std::MODULES {
        let short = module.name.trim_start_matches("std/");
        let row = format!("| [{short}](reference.md#{short}) |");
        assert!(
            readme.contains(&row),
            "std/README.md does not list {}",
            module.name
        );
    }
}
