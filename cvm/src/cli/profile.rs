//! `--profile`: where the program spent its time, as a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use cvm::machine::Machine;
use cvm::report::Problem;
use cvm_cli::output::Temporary;

use super::Failure;
use super::input::Program;

/// The file, which is put in its place when it is complete.
pub(super) struct ProfileFile {
    path: PathBuf,
    temporary: Temporary,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    FlameGraph,
    Collapsed,
}

impl ProfileFile {
    /// Prepares a file beside the place, before the program runs: what cannot be written is not worth a run.
    pub(super) fn create(path: &Path) -> Result<ProfileFile, Failure> {
        if !cfg!(feature = "profile") {
            let message = "this build has no profiler: `--profile` is not available";
            return Err(Problem::new("usage", message).into());
        }
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Form::FlameGraph,
            Some("folded") => Form::Collapsed,
            _ => {
                let message = format!("`{}` is no name for a profile", path.display());
                let hint = "a flame graph ends in .svg, collapsed stacks in .folded";
                return Err(Problem::new("usage", message).hint(hint).into());
            }
        };
        let temporary = Temporary::beside(path, "cvm-profile");
        Ok(ProfileFile {
            temporary: temporary.map_err(|error| failed(path, &error))?,
            path: path.to_path_buf(),
            form,
        })
    }

    /// Lets the machine profile.
    pub(super) fn start(&self, machine: &mut Machine) {
        #[cfg(feature = "profile")]
        machine.set_profiled(true);
        let _ = machine;
    }

    /// Writes what the machine saw, whole or not at all.
    pub(super) fn write(mut self, machine: &mut Machine, program: &Program) -> Result<(), Failure> {
        #[cfg(feature = "profile")]
        let profile = machine
            .take_profile()
            .unwrap_or_else(|| Ok(Default::default()));
        #[cfg(not(feature = "profile"))]
        let profile = std::io::Result::Ok(cvm::profile::Profile::default());
        let _ = machine;
        let profile = profile.map_err(|error| failed(&self.path, &error))?;
        let reporter = program.reporter();
        let text = match self.form {
            Form::FlameGraph => reporter.flame_graph(&profile, &program.name),
            Form::Collapsed => reporter.collapsed_stacks(&profile),
        };
        let written = self.temporary.write_all(text.as_bytes());
        written.map_err(|error| failed(&self.path, &error))?;
        let put = self.temporary.put();
        put.map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot write the profile `{}`: {error}", path.display());
    Problem::new("output-failed", message).into()
}
