//! How fast modules are translated, and whether the time grows with the size alone.

use std::ffi::OsString;
use std::path::Path;

use super::Sample;
use super::repeat::repeat;
use crate::Error;
use crate::load::{Contestant, measure};
use crate::report::Table;
use crate::tools::Tools;

/// A module below this size is repeated until it has it: that is the size 1.
const SMALLEST: usize = 1_000_000;

/// The sizes, as multiples.
const SIZES: [u32; 4] = [1, 2, 4, 8];

/// Measures and prints.
pub(super) fn run(
    tools: &Tools,
    rounds: usize,
    modules: &[Sample],
    directory: &Path,
    table: &mut Table,
) -> Result<(), Error> {
    let runner = tools.build_runner()?;
    let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
    let mut contestants = Vec::new();
    for module in modules {
        let name = &module.name;
        let bytes = read(&module.path)?;
        let least = SMALLEST.div_ceil(bytes.len().max(1)) as u32;
        for times in SIZES {
            let path = directory.join(format!("{name}-{times}.wasm"));
            let repeated = repeat(&bytes, least * times)?;
            std::fs::write(&path, &repeated).map_err(Error::io(path.display().to_string()))?;
            let path = OsString::from(path);
            let mut add = |contestant, program: &Path, arguments: [&str; 2]| {
                let flags = arguments.into_iter().filter(|word| !word.is_empty());
                contestants.push(Contestant {
                    name: contestant,
                    program: program.into(),
                    arguments: flags.map(OsString::from).chain([path.clone()]).collect(),
                    workload: format!("{name} ×{}", least * times),
                    size: repeated.len() as u64,
                });
            };
            add("cvm", &runner, ["wasm", ""]);
            add("wasmi", &own, ["wasm", "--load"]);
        }
    }
    table
        .rows
        .extend(measure(&contestants, rounds, "Translating modules")?);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io(path.display().to_string()))
}
