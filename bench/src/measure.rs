//! Running a contestant, and running several of them in interleaved rounds.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wait4::Wait4;

use crate::Error;

/// What one execution of a program took.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Wall-clock seconds from the start of the process to its end.
    pub(crate) seconds: f64,
    /// Peak resident memory in bytes.
    pub(crate) peak_memory: u64,
    /// What it wrote to standard output, if that was asked for.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) messages: String,
}

/// Where a program's standard output goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    /// It is kept in [`Sample::output`].
    Kept,
    /// It is thrown away.
    Dropped,
    /// It is written to a file.
    File(&'a Path),
}

/// What the process in between reports of a contestant.
#[derive(Debug, Serialize, Deserialize)]
struct Usage {
    seconds: f64,
    peak_memory: u64,
    /// How it ended, if not with success.
    failure: Option<String>,
}

/// Runs a program to its end.
///
/// A process in between starts it and waits for it: a child's peak memory counts from what its parent had when it was
/// forked, and that process has next to nothing.
pub(crate) fn execute(command: &mut Command, output: Output<'_>) -> Result<Sample, Error> {
    let shown = format!("{command:?}");
    let failed = |what: &str| Error::io(format!("{what} {shown}"));
    // Output goes through files, so that a program never waits for this one.
    let directory = tempfile::tempdir().map_err(failed("temporary files for"))?;
    let kept = directory.path().join("output");
    let messages = directory.path().join("messages");
    let usage = directory.path().join("usage");
    let create = |path: &Path| {
        File::create(path).map_err(Error::io(format!("cannot create {}", path.display())))
    };
    let between = std::env::current_exe().map_err(failed("cannot find this program for"))?;
    let mut outer = Command::new(between);
    outer.arg("execute").arg(&usage).arg("--");
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer.stdin(Stdio::null());
    outer.stdout(match output {
        Output::Kept => Stdio::from(create(&kept)?),
        Output::Dropped => Stdio::null(),
        Output::File(path) => Stdio::from(create(path)?),
    });
    outer.stderr(Stdio::from(create(&messages)?));
    let status = outer.status().map_err(failed("cannot run"))?;
    let read = |path: &Path| -> Result<String, Error> {
        let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let messages = read(&messages)?;
    let failure = |status: String| Error::Failed {
        command: shown.clone(),
        status,
        output: messages.clone(),
    };
    if !status.success() {
        return Err(failure(status.to_string()));
    }
    let usage: Usage =
        serde_json::from_str(&read(&usage)?).map_err(|error| failure(error.to_string()))?;
    if let Some(status) = usage.failure {
        return Err(failure(status));
    }
    Ok(Sample {
        seconds: usage.seconds,
        peak_memory: usage.peak_memory,
        output: match output {
            Output::Kept => read(&kept)?,
            _ => String::new(),
        },
        messages,
    })
}

/// The process in between: runs a program and writes what it used to a file.
pub(crate) fn execute_here(usage: &Path, command: &[OsString]) -> Result<(), Error> {
    let [program, arguments @ ..] = command else {
        return Err(Error::Other("no program to run".into()));
    };
    let failed = |what: &str| Error::io(format!("{what} {}", program.display()));
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(failed("cannot run"))?;
    let used = child.wait4().map_err(failed("cannot wait for"))?;
    let report = Usage {
        seconds: start.elapsed().as_secs_f64(),
        peak_memory: used.rusage.maxrss,
        failure: (!used.status.success()).then(|| used.status.to_string()),
    };
    let text = serde_json::to_string(&report).map_err(|error| Error::Other(error.to_string()))?;
    std::fs::write(usage, text).map_err(Error::io(usage.display().to_string()))
}

/// A number of measurements of the same thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    /// In the order in which they were made.
    samples: Vec<f64>,
}

impl Series {
    /// A series of these samples, of which there is at least one.
    pub(crate) fn new(samples: Vec<f64>) -> Series {
        assert!(!samples.is_empty(), "a contestant runs at least once");
        Series { samples }
    }

    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let position = part * (sorted.len() - 1) as f64;
        let (below, above) = (
            sorted[position.floor() as usize],
            sorted[position.ceil() as usize],
        );
        below + (above - below) * position.fract()
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Distance between the quartiles, as a part of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / self.median()
    }

    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }
}

/// Calls `one` for every contestant in turn, `rounds` times; the samples of each.
///
/// What disturbs the machine for a while disturbs all contestants alike. Contestant k takes part in `rounds_of(k)`
/// rounds.
pub(crate) fn interleaved<T>(
    count: usize,
    rounds: usize,
    rounds_of: impl Fn(usize) -> usize,
    mut one: impl FnMut(usize) -> Result<T, Error>,
) -> Result<Vec<Vec<T>>, Error> {
    let mut samples: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (contestant, samples) in samples.iter_mut().enumerate() {
            if round < rounds_of(contestant).max(1) {
                samples.push(one(contestant)?);
            }
        }
    }
    Ok(samples)
}
