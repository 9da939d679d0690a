//! Who takes part: CVM's engines, and what the machine has of the others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Choice;
use crate::Error;
use crate::measure::{Output, Sample, execute};
use crate::tools::{Tools, find};

/// Python is some fifty times slower than what it is compared with; it takes part in no more rounds than this.
const PYTHON_ROUNDS: usize = 1;

/// Where a contestant's own time stands.
#[derive(Clone, Copy, PartialEq)]
enum Clock {
    /// Behind the result on standard output, in seconds.
    Printed,
    /// In what `cvm run --stats` writes to standard error.
    Stats,
    /// There as well, and compiling is not counted.
    StatsWithoutCompiling,
}

/// CVM's engines: the contestant and what `cvm run --engine` calls it.
const ENGINES: [(&str, &str); 3] = [
    ("cvm interp", "interp"),
    ("cvm jit", "jit"),
    ("cvm auto", "auto"),
];

/// How a workload is run by a contestant.
pub(crate) struct Entry {
    pub(crate) contestant: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Option<(&'static str, OsString)>,
    clock: Clock,
}

impl Entry {
    /// In how many of the rounds it takes part.
    pub(crate) fn rounds(&self, rounds: usize) -> usize {
        match self.contestant {
            "Python" => rounds.min(PYTHON_ROUNDS),
            _ => rounds,
        }
    }

    /// Runs it once: the workload's own seconds, and the process.
    pub(super) fn run(&self) -> Result<(f64, Sample), Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some((name, value)) = &self.environment {
            command.env(name, value);
        }
        let sample = execute(&mut command, Output::Kept)?;
        let own = match self.clock {
            Clock::Stats => own_seconds(&sample.messages),
            Clock::StatsWithoutCompiling => own_seconds(&sample.messages)
                .map(|seconds| seconds - compile_seconds(&sample.messages)),
            Clock::Printed => {
                let mut words = sample.output.split_whitespace();
                words.nth(1).and_then(|text| text.parse().ok())
            }
        };
        let own = own.ok_or_else(|| {
            Error::Other(format!(
                "{command:?} did not report its time:\n{}{}",
                sample.output, sample.messages
            ))
        })?;
        Ok((own, sample))
    }
}

/// What is installed.
pub(crate) struct Peers {
    facts: Vec<(String, String)>,
    choice: Choice,
    gcc: bool,
    clang: bool,
    wasm: bool,
    /// The runner of `bench/wasmtime`, if wasmtime takes part.
    wasmtime: Option<PathBuf>,
    lua: Option<&'static str>,
    luajit: bool,
    python: bool,
}

impl Peers {
    /// Finds them, and builds what has to be built.
    pub(crate) fn find(tools: &Tools, choice: &Choice) -> Result<Peers, Error> {
        let mut facts = Vec::new();
        let mut installed = |program: &'static str, flag| {
            let version = find(program, flag);
            let found = version.is_some();
            facts.extend(version.map(|version| (program.to_string(), version)));
            found
        };
        let clang = installed("clang", "--version");
        let mut peers = Peers {
            choice: choice.clone(),
            gcc: installed("gcc", "--version"),
            clang,
            wasm: clang && installed("wasm-ld", "--version"),
            wasmtime: None,
            lua: ["lua5.4", "lua"]
                .into_iter()
                .find(|lua| installed(lua, "-v")),
            luajit: installed("luajit", "-v"),
            python: installed("python3", "--version"),
            facts: Vec::new(),
        };
        let locked = |directory: &str, package| {
            let lock = tools.bench.join(directory).join("Cargo.lock");
            locked_version(&std::fs::read_to_string(lock).unwrap_or_default(), package)
        };
        facts.push(("wasmi".into(), locked("", "wasmi")));
        if peers.wasm && peers.takes_part("wasmtime") {
            peers.wasmtime = Some(tools.build_wasmtime()?);
            facts.push(("wasmtime".into(), locked("wasmtime", "wasmtime")));
        }
        peers.facts = facts;
        Ok(peers)
    }

    /// Names and versions.
    pub(crate) fn facts(&self) -> &[(String, String)] {
        &self.facts
    }

    fn takes_part(&self, contestant: &str) -> bool {
        let wanted = &self.choice.contestants;
        wanted.is_empty() || wanted.iter().any(|part| contestant.contains(part.as_str()))
    }

    /// Prepares a workload for everyone.
    pub(super) fn prepare(
        &self,
        tools: &Tools,
        workload: &str,
        directory: &Path,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.prepare_cvm(tools, workload, directory, &mut entries)?;
        self.prepare_native(tools, workload, directory, &mut entries)?;
        self.prepare_wasm(tools, workload, directory, &mut entries)?;
        self.prepare_scripts(tools, workload, &mut entries);
        Ok(entries)
    }

    /// Prepares a workload for those who run C: native compilers, and WebAssembly, of which all run the same module.
    pub(crate) fn prepare_c(
        &self,
        tools: &Tools,
        workload: &str,
        directory: &Path,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.prepare_native(tools, workload, directory, &mut entries)?;
        self.prepare_wasm(tools, workload, directory, &mut entries)?;
        let module = module(workload, directory);
        if !self.wasm {
            return Ok(entries);
        }
        for (contestant, engine) in ENGINES {
            let flags = flags_for(engine).into_iter();
            let arguments = flags.chain(["--invoke", "run"]).map(OsString::from);
            let arguments = arguments.chain([module.clone().into()]).collect();
            let before = entries.len();
            self.add(&mut entries, contestant, &tools.cvm, arguments);
            for entry in &mut entries[before..] {
                // `auto` compiles beside the run.
                entry.clock = match engine {
                    "jit" => Clock::StatsWithoutCompiling,
                    _ => Clock::Stats,
                };
            }
        }
        Ok(entries)
    }

    fn add(
        &self,
        entries: &mut Vec<Entry>,
        contestant: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
    ) {
        if self.takes_part(contestant) {
            entries.push(Entry {
                contestant,
                program: program.into(),
                arguments,
                environment: None,
                clock: Clock::Printed,
            });
        }
    }

    fn prepare_cvm(
        &self,
        tools: &Tools,
        workload: &str,
        directory: &Path,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Error> {
        let program = tools.bench.join("programs").join(workload);
        let image = directory.join(format!("{workload}.cvm"));
        let mut assemble = Command::new(&tools.cvm_asm);
        assemble
            .arg("-o")
            .arg(&image)
            .arg(program.with_extension("cvma"));
        execute(&mut assemble, Output::Dropped)?;
        for (contestant, engine) in ENGINES {
            let arguments = flags(tools, workload, engine)?;
            let arguments = arguments
                .into_iter()
                .chain([image.clone().into()])
                .collect();
            let before = entries.len();
            self.add(entries, contestant, &tools.cvm, arguments);
            for entry in &mut entries[before..] {
                entry.clock = Clock::Stats;
            }
        }
        Ok(())
    }

    fn prepare_native(
        &self,
        tools: &Tools,
        workload: &str,
        directory: &Path,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Error> {
        let compilers = [
            ("gcc -O2", "gcc", self.gcc),
            ("clang -O2", "clang", self.clang),
        ];
        for (contestant, compiler, is_installed) in compilers {
            if !is_installed || !self.takes_part(contestant) {
                continue;
            }
            let binary = directory.join(format!("{workload}-{compiler}"));
            let mut compile = Command::new(compiler);
            compile
                .args(["-O2", "-o"])
                .arg(&binary)
                .arg(tools.bench.join("c").join(format!("{workload}.c")))
                .arg(tools.bench.join("c/main.c"))
                .arg("-lm");
            execute(&mut compile, Output::Dropped)?;
            self.add(entries, contestant, &binary, Vec::new());
        }
        Ok(())
    }

    fn prepare_wasm(
        &self,
        tools: &Tools,
        workload: &str,
        directory: &Path,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Error> {
        if !self.wasm {
            return Ok(());
        }
        let module = module(workload, directory);
        let mut compile = Command::new("clang");
        compile
            .args([
                "--target=wasm32",
                "-O2",
                "-mbulk-memory",
                "-nostdlib",
                "-ffreestanding",
                "-Wl,--no-entry",
                "-Wl,--export=run",
                "-o",
            ])
            .arg(&module)
            .arg(tools.bench.join("c").join(format!("{workload}.c")));
        execute(&mut compile, Output::Dropped)?;
        let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
        let module = OsString::from(module);
        self.add(entries, "wasmi", &own, vec!["wasm".into(), module.clone()]);
        if let Some(wasmtime) = &self.wasmtime {
            self.add(entries, "wasmtime", wasmtime, vec![module]);
        }
        Ok(())
    }

    fn prepare_scripts(&self, tools: &Tools, workload: &str, entries: &mut Vec<Entry>) {
        let scripts = tools.bench.join("scripts");
        let script = |extension: &str| scripts.join(format!("{workload}.{extension}"));
        let before = entries.len();
        if let Some(lua) = self.lua.filter(|_| script("lua").exists()) {
            self.add(entries, "Lua", Path::new(lua), vec![script("lua").into()]);
        }
        // LuaJIT has neither 64-bit integers nor their operators: it takes part where a program needs neither.
        let has_integers = std::fs::read_to_string(script("lua")).map_or(true, |text| {
            text.lines().any(|line| {
                ["//", ">>", "<<", " & ", " | ", "~"]
                    .iter()
                    .any(|op| line.contains(op) && !line.contains("~="))
            })
        });
        if self.luajit && !has_integers {
            let arguments = vec![script("lua").into()];
            self.add(entries, "LuaJIT", Path::new("luajit"), arguments);
        }
        for entry in &mut entries[before..] {
            entry.environment = Some(("LUA_PATH", scripts.join("?.lua").into_os_string()));
        }
        if self.python && script("py").exists() {
            let arguments = vec!["-B".into(), script("py").into()];
            self.add(entries, "Python", Path::new("python3"), arguments);
        }
    }
}

/// The module that clang makes of a workload.
pub(crate) fn module(workload: &str, directory: &Path) -> PathBuf {
    directory.join(workload).with_extension("wasm")
}

/// The flags with which `cvm` runs anything here.
fn flags_for(engine: &str) -> [&str; 6] {
    [
        "run",
        "--engine",
        engine,
        "--stats",
        "--fault-format",
        "json",
    ]
}

/// The flags with which `cvm` runs a workload.
pub(crate) fn flags(tools: &Tools, workload: &str, engine: &str) -> Result<Vec<OsString>, Error> {
    let source = tools
        .bench
        .join("programs")
        .join(workload)
        .with_extension("cvma");
    let text = std::fs::read_to_string(&source).map_err(Error::io(source.display().to_string()))?;
    let mut flags = flags_for(engine).to_vec();
    if text.contains("\n.foreign ") {
        flags.push("--allow-ffi=libc.so.6");
    }
    Ok(flags.into_iter().map(OsString::from).collect())
}

/// `cvm run --stats`: the seconds of the run itself.
pub(crate) fn own_seconds(messages: &str) -> Option<f64> {
    seconds_at(messages, "/nanoseconds")
}

/// `cvm run --stats`: the seconds of the run in which it compiled.
fn compile_seconds(messages: &str) -> f64 {
    seconds_at(messages, "/compiled/nanoseconds").unwrap_or(0.0)
}

fn seconds_at(messages: &str, place: &str) -> Option<f64> {
    messages.lines().rev().find_map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).ok()?;
        let nanoseconds: f64 = object.pointer(place)?.as_str()?.parse().ok()?;
        Some(nanoseconds * 1e-9)
    })
}

/// The version of a package in a lock file.
fn locked_version(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = \""));
    version
        .unwrap_or("unknown")
        .trim_end_matches('"')
        .to_string()
}
