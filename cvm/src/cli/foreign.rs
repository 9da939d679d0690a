//! What the flags say about C: permission, and how a crash or a fault inside a callback ends `cvm`.

#[cfg(feature = "ffi")]
pub(super) use allowed::{allow, report_at_once};

#[cfg(feature = "ffi")]
mod allowed {
    use std::io::Write;

    use cvm::ffi::{CrashFormat, ForeignGrant, report_crashes};
    use cvm::host::Host;
    use cvm::machine::{Exit, Machine};

    use crate::cli::arguments::{Format, Run};
    use crate::cli::console::Console;
    use crate::cli::input::Program;

    /// Gives the host what `--allow-ffi`, `-L` and `--check-foreign` say; without the first of them nothing.
    pub(in crate::cli) fn allow(host: &mut Host, arguments: &Run) {
        let Some(libraries) = &arguments.allow_ffi else {
            return;
        };
        let grant = match libraries.is_empty() {
            true => ForeignGrant::all(),
            false => ForeignGrant::libraries(libraries.iter().cloned()),
        };
        let grant = grant.search_in(arguments.library.iter().cloned());
        host.allow_foreign(match arguments.check_foreign {
            true => grant.checked(),
            false => grant,
        });
        report_crashes(match arguments.fault_format {
            Format::Text => CrashFormat::Text,
            Format::Json => CrashFormat::Json,
        });
    }

    /// Makes a run that has to end inside a callback end the process there.
    pub(in crate::cli) fn report_at_once(
        machine: &mut Machine,
        arguments: &Run,
        program: &Program,
        console: &Console,
    ) {
        if arguments.allow_ffi.is_none() {
            return;
        }
        let (program, console) = (program.clone(), *console);
        machine.on_exit_in_callback(move |exit| {
            if let Exit::Fault(fault) = exit {
                console.fault(fault, program.reporter());
            }
            let _ = std::io::stdout().flush();
            std::process::exit(exit.status().into());
        });
    }
}

/// The error for a foreign import that is allowed, but that this build cannot provide. What is not allowed the machine
/// refuses.
#[cfg(not(feature = "ffi"))]
pub(super) fn unavailable(
    image: &cvm_spec::image::Image,
    arguments: &super::arguments::Run,
) -> Option<cvm::report::Problem> {
    use cvm_spec::image::ImportKind;

    let allowed = arguments.allow_ffi.as_ref()?;
    let text = |reference| image.string(reference).unwrap_or_default();
    let is_foreign = |kind| matches!(kind, ImportKind::Foreign | ImportKind::ForeignData);
    let (number, import) = image.imports.iter().enumerate().find(|(_, import)| {
        let library = text(import.module);
        is_foreign(import.kind)
            && (allowed.is_empty() || allowed.iter().any(|name| name == library))
    })?;
    let message = format!(
        "the program imports the C function `{}` of `{}`; this build of cvm cannot call C functions",
        text(import.name),
        text(import.module)
    );
    let mut problem = cvm::report::Problem::new("foreign-unavailable", message);
    problem.import = Some(number as u32);
    Some(problem)
}
