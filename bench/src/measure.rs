//! Running a contestant, and running several of them in interleaved rounds.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;
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

/// Runs a program to its end.
pub(crate) fn execute(command: &mut Command, output: Output<'_>) -> Result<Sample, Error> {
    let shown = format!("{command:?}");
    let failed = |what: &str| Error::io(format!("{what} {shown}"));
    // Output goes through files, so that a program never waits for this one.
    let directory = tempfile::tempdir().map_err(failed("temporary files for"))?;
    let kept = directory.path().join("output");
    let messages = directory.path().join("messages");
    let create = |path: &Path| {
        File::create(path).map_err(Error::io(format!("cannot create {}", path.display())))
    };
    command.stdin(Stdio::null());
    command.stdout(match output {
        Output::Kept => Stdio::from(create(&kept)?),
        Output::Dropped => Stdio::null(),
        Output::File(path) => Stdio::from(create(path)?),
    });
    command.stderr(Stdio::from(create(&messages)?));
    let start = Instant::now();
    let mut child = command.spawn().map_err(failed("cannot run"))?;
    let usage = child.wait4().map_err(failed("cannot wait for"))?;
    let seconds = start.elapsed().as_secs_f64();
    let read = |path: &Path| -> Result<String, Error> {
        let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let messages = read(&messages)?;
    if !usage.status.success() {
        return Err(Error::Failed {
            command: shown,
            status: usage.status.to_string(),
            output: messages,
        });
    }
    Ok(Sample {
        seconds,
        peak_memory: usage.rusage.maxrss,
        output: match output {
            Output::Kept => read(&kept)?,
            _ => String::new(),
        },
        messages,
    })
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
