//! `cvm completions` and `cvm man`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory};
use cvm::report::Problem;
use cvm_cli::{Shell, manual};

use super::Failure;
use super::arguments::Arguments;
use super::console::{Console, output_failed};

pub(super) fn completions(shell: Shell, console: &Console) -> Result<u8, Failure> {
    console.print(&manual::completions::<Arguments>(shell))
}

pub(super) fn man(
    command: Option<&str>,
    directory: Option<&Path>,
    console: &Console,
) -> Result<u8, Failure> {
    if let Some(directory) = directory {
        return write_all(directory);
    }
    console.print(&page(command)?)
}

/// The page of a command, or of the program.
fn page(name: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut command = Arguments::command();
    command.build();
    let command = match name {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                let names = command.get_subcommands().map(|c| c.get_name());
                let near = cvm_asm::suggest::closest(name, names);
                let problem = Problem::new("usage", format!("there is no command `{name}`"));
                return Err(match near {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                }
                .into());
            }
        },
    };
    roff(command).map_err(|error| output_failed(&error).into())
}

/// A page as roff; the text behind the help keeps its layout.
fn roff(mut command: Command) -> io::Result<Vec<u8>> {
    let usage = command.render_usage().to_string();
    let usage = manual::escaped(usage.trim_start_matches("Usage: "));
    let synopsis = format!(".nf\n{usage}\n.fi");
    let after = command.get_after_help().map(|text| format!("{text}\n"));
    let sections: Vec<(&str, &str)> = after
        .iter()
        .map(|text| ("NOTES AND EXAMPLES", text.as_str()))
        .collect();
    manual::page(command, &synopsis, &sections)
}

/// Writes the pages of all commands.
fn write_all(directory: &Path) -> Result<u8, Failure> {
    let commands = Arguments::command();
    let names = commands.get_subcommands().map(|command| command.get_name());
    for name in std::iter::once(None).chain(names.map(Some)) {
        let file = name.map_or("cvm.1".into(), |name| format!("cvm-{name}.1"));
        let path = directory.join(file);
        let written = File::create(&path).and_then(|mut file| {
            let page = page(name).unwrap_or_default();
            file.write_all(&page)
        });
        written.map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Problem::new("output-failed", message)
        })?;
    }
    Ok(0)
}
