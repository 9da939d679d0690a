//! `cvm`: runs, verifies, describes and explains CVM programs.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os()))
}
