//! `cvm`: runs, verifies and explains CVM programs.

fn main() {}
