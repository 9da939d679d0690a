//! The generated pages of `spec/`: `isa.md`, `faults.md` and `host.md`, printed from the tables of this crate.
//!
//! `BLESS=1 cargo test -p cvm-spec --test generated_docs` writes them anew; without `BLESS` the test fails when a page
//! is stale. The same text serves `cvm explain`.

mod faults;
mod host;
mod isa;

pub use faults::{explain, page as faults_page};
pub use host::page as host_page;
pub use isa::{encoding, page as isa_page, stack_effect};

/// The line under the title of every generated page.
const GENERATED: &str = "*Generated from the tables in the crate `cvm-spec`; do not edit. \
    `BLESS=1 cargo test -p cvm-spec --test generated_docs` writes it anew.*";

/// A text as it can stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
