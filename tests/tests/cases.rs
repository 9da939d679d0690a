//! Runs every case file; see the crate's page.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use cvm::verify::{Module, ModuleError, verify};
use cvm_asm::diagnostic::Severity;
use cvm_spec::image::Image;
use cvm_tests::assembly::{Detail, Program};
use cvm_tests::case::{Case, ExpectedDiagnostic};
use cvm_tests::engine::{Engine, Observation, run};
use cvm_tests::{bless, discover, linking, outcome, round_trip};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = discover::case_files().into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(path: PathBuf) -> Trial {
    Trial::test(discover::name_of(&path), move || {
        let case = Case::load(&path)?;
        check(&case).map_err(Failed::from)
    })
}

fn check(case: &Case) -> Result<(), String> {
    let program = Program::of_case(case)?;
    let debug = program.assemble(Detail::Debug);
    program.compare_diagnostics(case, &debug)?;
    let is_wrong = |diagnostic: &ExpectedDiagnostic| diagnostic.severity == Severity::Error;
    let image = match debug.image {
        Some(image) => image,
        None if case.diagnostics.iter().any(is_wrong) => return Ok(()),
        None => return Err("there is no image, and no error".into()),
    };
    if program.image(Detail::Debug)? != image {
        return Err("assembled again, the image differs".into());
    }
    let plain = program.image(Detail::Plain)?;
    let stripped = program.image(Detail::Strip)?;
    for (image, detail) in [
        (&image, "debug"),
        (&plain, "plain"),
        (&stripped, "stripped"),
    ] {
        round_trip::exact(image).map_err(|error| format!("{detail}: {error}"))?;
    }
    for other in [&plain, &stripped] {
        if (&other.text, &other.data) != (&image.text, &image.data) {
            return Err("debug information changes code or data".into());
        }
    }
    if case.verify.is_some() {
        return rejected(case, image);
    }
    let (image, stripped) = match linking::is_linked(case, &image) {
        false => (image, stripped),
        true => {
            let Some(image) = linking::link(case, &image)? else {
                return Ok(());
            };
            let stripped = linking::link(case, &stripped)?.ok_or("stripped, it is not linked")?;
            round_trip::exact(&image).map_err(|error| format!("linked: {error}"))?;
            (image, stripped)
        }
    };
    let module = load(image.clone())?;
    if let Some(text) = &case.refused {
        return refused(case, &module, text);
    }
    let seen = run_everywhere(case, &module)?;
    for (form, image) in [("with -g", &image), ("stripped", &stripped)] {
        let again = round_trip::readable(image).map_err(|error| format!("{form}: {error}"))?;
        same_behaviour(case, &seen, again).map_err(|error| format!("readable, {form}: {error}"))?;
    }
    same_behaviour(case, &seen, stripped).map_err(|error| format!("stripped: {error}"))
}

fn load(image: Image) -> Result<Arc<Module>, String> {
    verify(image)
        .map(Arc::new)
        .map_err(|error| format!("the verifier rejects it: {error}"))
}

/// The verifier must reject the image by the rule and at the line that the case names.
fn rejected(case: &Case, image: Image) -> Result<(), String> {
    let expected = case.verify.as_ref().ok_or("no rule is expected")?;
    let code = expected.rule.code();
    let error = match verify(image.clone()) {
        Ok(_) => return Err(format!("the verifier accepts it, expected {code}")),
        Err(ModuleError::Verify(error)) => error,
        Err(error) => return Err(format!("expected {code}, got {error}")),
    };
    if error.rule != expected.rule {
        return Err(format!("expected {code}, got {error}"));
    }
    let line = image.line_at(error.offset).map(|line| line.line);
    if expected.line.is_some() && line != expected.line {
        return Err(format!(
            "at line {line:?}, expected {:?}: {error}",
            expected.line
        ));
    }
    if expected.offset.is_some_and(|offset| offset != error.offset) {
        return Err(format!(
            "expected at offset {:#x?}: {error}",
            expected.offset
        ));
    }
    Ok(())
}

/// The machine must refuse the module with this text.
fn refused(case: &Case, module: &Arc<Module>, text: &str) -> Result<(), String> {
    match run(Engine::Metered, module, case, &case.refused_run) {
        Ok(seen) => Err(format!("it ran and ended with status {}", seen.status)),
        Err(error) if error.contains(text) => Ok(()),
        Err(error) => Err(format!("refused with `{error}`, expected `{text}`")),
    }
}

/// Every run of the case on every engine; gives the first engine's view of each.
fn run_everywhere(case: &Case, module: &Arc<Module>) -> Result<Vec<Observation>, String> {
    let file = case.path.file_name().unwrap_or_default().to_string_lossy();
    let mut views = Vec::new();
    for (number, run_of_case) in case.runs.iter().enumerate() {
        let context = |error| match case.runs.len() {
            1 => error,
            _ => format!("run {number} {:?}: {error}", run_of_case.args),
        };
        let mut first: Option<Observation> = None;
        for engine in Engine::ALL
            .iter()
            .filter(|engine| engine.suits(run_of_case))
        {
            let seen = run(*engine, module, case, run_of_case).map_err(context)?;
            let name = engine.name();
            match &first {
                Some(first) => outcome::compare_engines(first, &seen)
                    .map_err(|error| context(format!("{name} differs: {error}")))?,
                None => {
                    let compared = outcome::compare(run_of_case, &seen, module, &file);
                    if compared.is_err() && bless::wanted() {
                        let line = outcome::fault_line(&seen, module);
                        bless::bless(case, &seen, line)?;
                    } else {
                        compared.map_err(|error| context(format!("{name}: {error}")))?;
                    }
                    first = Some(seen);
                }
            }
        }
        views.extend(first);
    }
    Ok(views)
}

/// Another image of the same program must do what the first did: output, status and fault code.
fn same_behaviour(case: &Case, seen: &[Observation], image: Image) -> Result<(), String> {
    let module = load(image)?;
    for (run_of_case, first) in case.runs.iter().zip(seen) {
        let engine = Engine::ALL
            .into_iter()
            .find(|engine| engine.suits(run_of_case));
        let again = run(
            engine.unwrap_or(Engine::Metered),
            &module,
            case,
            run_of_case,
        )?;
        let code = |seen: &Observation| seen.fault.as_ref().map(|fault| fault.code.code());
        if (again.status, code(&again)) != (first.status, code(first)) {
            return Err(format!(
                "status {} {:?}, before {} {:?}",
                again.status,
                code(&again),
                first.status,
                code(first)
            ));
        }
        if run_of_case.stdout.is_some() && again.stdout != first.stdout {
            return Err("standard output differs".into());
        }
    }
    Ok(())
}
