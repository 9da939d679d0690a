//! `cvm verify`.

use super::Failure;
use super::arguments::{Format, Verify};
use super::console::Console;
use super::input::Input;

pub(super) fn verify(arguments: &Verify, console: &Console) -> Result<u8, Failure> {
    let mut worst = 0;
    for file in &arguments.files {
        let checked = Input::read(file, console).and_then(|input| {
            let name = input.name.clone();
            let input = match input.is_program() {
                true => input.link(&arguments.library, &[], console)?,
                false => input,
            };
            Ok((name, input.verify(console)?))
        });
        let status = match checked {
            Ok((name, program)) => {
                if !arguments.quiet && console.format == Format::Text {
                    let functions = program.module.image().functions.len();
                    let noun = if functions == 1 {
                        "function"
                    } else {
                        "functions"
                    };
                    console.print(format!("{name}: sound, {functions} {noun}\n").as_bytes())?;
                }
                0
            }
            Err(Failure::Reported(status)) => status,
            Err(Failure::Problem(problem)) => {
                console.problem(&problem);
                problem.exit_status
            }
        };
        if worst == 0 {
            worst = status;
        }
    }
    Ok(worst)
}
