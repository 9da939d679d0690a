//! A plug-in system: every `.cvma` and `.cvm` file of a directory is a plug-in that handles lines of text.
//!
//! A plug-in exports `handle () -> 0`, asks for the present line with `plug.line` and answers with `plug.say` and
//! `plug.number`. Each runs on a thread of its own, with its own memory and limits. One that faults or runs for too long
//! is reported and left out from then on; nothing that it does reaches the host or the other plug-ins.
//!
//! ```text
//! cargo run -p cvm --example plugins
//! cargo run -p cvm --example plugins -- my-plugins/
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cvm::host::{Host, HostStop};
use cvm::machine::{Exit, Limits, Machine};
use cvm::memory::Memory;
use cvm::report::{FileSources, Problem, Reporter};
use cvm::verify::{Module, load, verify};
use cvm_spec::pointer::Pointer;

const LINES: [&str; 3] = ["hello", "a longer line of text", "bye"];

/// What a plug-in may use: fuel for all calls together, time for each.
const LIMITS: Limits = Limits {
    fuel: Some(100_000),
    timeout: Some(Duration::from_millis(500)),
    max_heap: 1 << 20,
    call_stack: 1 << 16,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plugins"),
        PathBuf::from,
    );
    for log in serve_all(&directory)? {
        println!("{log}");
    }
    Ok(())
}

/// Runs the plug-ins of a directory side by side; what there is to tell of each.
pub(crate) fn serve_all(directory: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "cvma" || e == "cvm"));
    paths.sort();

    let threads: Vec<_> = paths
        .into_iter()
        .map(|path| thread::spawn(move || serve(&path)))
        .collect();
    threads
        .into_iter()
        .map(|thread| {
            let log = thread.join();
            log.map_err(|_| "a thread of the host panicked".into())
        })
        .collect()
}

/// Runs a plug-in over all lines; what there is to tell of it.
fn serve(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut log = format!("{name}:\n");
    let module = match read(path) {
        Ok(module) => Arc::new(module),
        Err(error) => return log + &error,
    };
    let sources = FileSources::of_image(path);
    let reporter = Reporter::new().image(module.image()).sources(&sources);
    let line = Arc::new(Mutex::new(String::new()));
    let answers = Arc::new(Mutex::new(String::new()));
    let host = host(&line, &answers);
    let mut machine = match Machine::new(Arc::clone(&module), host, LIMITS) {
        Ok(machine) => machine,
        Err(error) => return log + &reporter.problem_text(&Problem::from(&error)),
    };
    for text in LINES {
        *lock(&line) = text.to_string();
        let exit = machine.call("handle", &[]);
        log.push_str(&std::mem::take(&mut *lock(&answers)));
        match exit {
            Ok(Exit::Fault(fault)) => {
                log.push_str(&reporter.fault_text(&fault));
                break;
            }
            Ok(_) => {}
            Err(error) => {
                log.push_str(&reporter.problem_text(&Problem::from(&error)));
                break;
            }
        }
    }
    log
}

/// Reads a plug-in: an image, or assembly.
fn read(path: &Path) -> Result<Module, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    if path.extension().is_some_and(|ending| ending == "cvm") {
        return load(&text).map_err(|error| error.to_string());
    }
    let name = path.display().to_string();
    let source = [cvm_asm::SourceFile { name, text }];
    let options = cvm_asm::Options {
        debug: true,
        ..Default::default()
    };
    let assembled = cvm_asm::assemble(&source, &options);
    match assembled.image {
        Some(image) => verify(image).map_err(|error| error.to_string()),
        None => {
            let files = cvm_asm::source::SourceMap::new(&source);
            Err(cvm_asm::render::render(
                &assembled.diagnostics,
                &files,
                false,
            ))
        }
    }
}

/// The functions that plug-ins may call. Their types come from the closures.
fn host(line: &Arc<Mutex<String>>, answers: &Arc<Mutex<String>>) -> Host {
    let line = Arc::clone(line);
    let (said, numbers) = (Arc::clone(answers), Arc::clone(answers));
    let mut host = Host::new();
    host.register(
        "plug.line",
        move |memory: &mut Memory, buffer: Pointer, capacity: u64| -> Result<u64, HostStop> {
            let line = lock(&line);
            // The pointer is checked over the whole capacity before a byte is copied.
            let target = memory.write(buffer.0, capacity)?;
            let count = line.len().min(target.len());
            target[..count].copy_from_slice(&line.as_bytes()[..count]);
            Ok(count as u64)
        },
    );
    host.register(
        "plug.say",
        move |memory: &mut Memory, text: Pointer, length: u64| -> Result<(), HostStop> {
            let text = String::from_utf8_lossy(memory.read(text.0, length)?).into_owned();
            lock(&said).push_str(&format!("  says {text:?}\n"));
            Ok(())
        },
    );
    host.register("plug.number", move |value: i64| {
        lock(&numbers).push_str(&format!("  number {value}\n"));
    });
    host
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
