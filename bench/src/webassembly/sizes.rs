//! What translating a module makes: bytes and instructions.

use std::path::Path;
use std::process::Command;

use super::Sample;
use crate::Error;
use crate::assemble::cells;
use crate::measure::{Output, execute};
use crate::report::{Table, print_columns};
use crate::tools::Tools;

/// Prints the sizes of modules and images, and how many instructions stand for one of WebAssembly.
pub(super) fn run(
    tools: &Tools,
    modules: &[Sample],
    directory: &Path,
    table: &mut Table,
) -> Result<(), Error> {
    let size = |path: &Path| {
        let metadata = std::fs::metadata(path).map_err(Error::io(path.display().to_string()))?;
        Ok::<u64, Error>(metadata.len())
    };
    let mut count = Command::new(&tools.instruction_ratio);
    count.args(modules.iter().map(|module| &module.path));
    let counts = execute(&mut count, Output::Kept)?.output;
    let mut printed = vec![cells([
        "module",
        "",
        ".wasm",
        ".cvm",
        "",
        "--strip",
        "",
        "CVM instructions / WebAssembly's",
    ])];
    // The last line is the sum.
    for (number, count) in counts.lines().enumerate() {
        let count = count
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ");
        let Some(module) = modules.get(number) else {
            let mut line = vec!["all".to_string()];
            line.extend((0..6).map(|_| String::new()));
            line.push(count.clone());
            printed.push(line);
            table.facts.push(("instructions of all".into(), count));
            continue;
        };
        let mut sizes = vec![size(&module.path)?];
        for flags in [&[][..], &["--strip"][..]] {
            let image = directory.join("sizes.cvm");
            let mut translate = Command::new(&tools.cvm_wasm);
            translate.args(flags).arg("-o").arg(&image);
            execute(translate.arg(&module.path), Output::Dropped)?;
            sizes.push(size(&image)?);
        }
        let part = |number: usize| format!("{:.2} ×", sizes[number] as f64 / sizes[0] as f64);
        printed.push(vec![
            module.name.clone(),
            String::new(),
            sizes[0].to_string(),
            sizes[1].to_string(),
            part(1),
            sizes[2].to_string(),
            part(2),
            count.clone(),
        ]);
        let bytes = format!("wasm {}, cvm {}, stripped {}", sizes[0], sizes[1], sizes[2]);
        table
            .facts
            .push((format!("bytes of {}", module.name), bytes));
        table
            .facts
            .push((format!("instructions of {}", module.name), count));
    }
    println!("\nModules and what is made of them, in bytes and instructions\n");
    print_columns(&printed);
    Ok(())
}
