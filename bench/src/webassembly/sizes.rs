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
        "executed",
    ])];
    let wasmtime = tools.build_wasmtime()?;
    let mut executed_ratios = Vec::new();
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
            line.push(format!("{:.3}", geometric_mean(&executed_ratios)));
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
        let mut executed = String::new();
        if module.is_workload {
            let (ours, theirs) = (ours(tools, module)?, theirs(&wasmtime, module)?);
            executed = format!("{ours} / {theirs} = {:.3}", ours / theirs);
            executed_ratios.push(ours / theirs);
            table
                .facts
                .push((format!("executed in {}", module.name), executed.clone()));
        }
        printed.push(vec![
            module.name.clone(),
            String::new(),
            sizes[0].to_string(),
            sizes[1].to_string(),
            part(1),
            sizes[2].to_string(),
            part(2),
            count.clone(),
            executed,
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

/// Instructions that CVM executes in a workload.
fn ours(tools: &Tools, module: &Sample) -> Result<f64, Error> {
    let mut run = Command::new(&tools.cvm);
    run.args([
        "run",
        "--engine",
        "jit",
        "--stats",
        "--fault-format",
        "json",
    ]);
    run.args(["--fuel", "1000000000000000", "--invoke", "run"]);
    let messages = execute(run.arg(&module.path), Output::Dropped)?.messages;
    let fuel = messages.lines().rev().find_map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).ok()?;
        object["fuel"].as_str()?.parse().ok()
    });
    fuel.ok_or_else(|| Error::Other(format!("no fuel in {messages}")))
}

/// Instructions of WebAssembly that wasmtime executes in a workload; blocks and their ends do not count.
fn theirs(wasmtime: &Path, module: &Sample) -> Result<f64, Error> {
    let mut run = Command::new(wasmtime);
    let output = execute(run.arg("--count").arg(&module.path), Output::Kept)?.output;
    let count = output.trim().parse();
    count.map_err(|_| Error::Other(format!("no number of instructions: {output}")))
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (sum / ratios.len() as f64).exp()
}
