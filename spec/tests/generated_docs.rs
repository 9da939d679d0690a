//! The generated pages are what the tables say; `BLESS=1` writes them.

use std::fs;
use std::path::Path;

use cvm_spec::docs;

fn check(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, wanted).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "spec/{name} is stale: run `BLESS=1 cargo test -p cvm-spec --test generated_docs`"
    );
}

#[test]
fn isa() {
    check("isa.md", &docs::isa_page());
}

#[test]
fn faults() {
    check("faults.md", &docs::faults_page());
}

#[test]
fn host() {
    check("host.md", &docs::host_page());
}

#[test]
fn every_code_is_explained() {
    use cvm_spec::fault::FaultCode;
    use cvm_spec::image::reader::ReadCode;
    for code in FaultCode::ALL {
        assert!(docs::explain(code.code()).is_some());
        assert_eq!(
            ReadCode::from_code(code.code()),
            None,
            "a code means one thing"
        );
    }
    for code in ReadCode::ALL {
        assert!(docs::explain(code.code()).is_some());
    }
    assert_eq!(docs::explain("no-such-code"), None);
}
