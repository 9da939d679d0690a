//! What a program prints about itself: help, manual page, completions.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// What help and manual page say beside the flags.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    /// One sentence with a full stop.
    pub summary: &'static str,
    /// A paragraph.
    pub description: &'static str,
    /// Lines, indented by two columns.
    pub examples: &'static str,
    /// Lines, indented by two columns.
    pub exit_status: &'static str,
}

impl Texts {
    /// What the help text begins with.
    pub fn about(&self) -> String {
        format!("{}\n\n{}", self.summary, self.description)
    }

    /// What the help text ends with.
    pub fn after_help(&self) -> String {
        format!(
            "Examples:\n{}\nExit status:\n{}",
            self.examples, self.exit_status
        )
    }

    /// The manual page of a program without commands; `usage` is its synopsis as roff.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn page(&self, command: Command, usage: &str) -> io::Result<Vec<u8>> {
        let command = command
            .about(self.summary.trim_end_matches('.'))
            .long_about(self.about());
        let sections = [
            ("EXAMPLES", self.examples),
            ("EXIT STATUS", self.exit_status),
        ];
        page(command, usage, &sections)
    }
}

/// A manual page as roff: what `command` says of itself, and sections behind it that keep their layout. `synopsis` is
/// roff; text of a section ends in a line feed.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn page(command: Command, synopsis: &str, sections: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    let has_commands = command.has_subcommands();
    let page = clap_mangen::Man::new(command).manual("CVM");
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    write!(roff, ".SH SYNOPSIS\n{synopsis}\n")?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    if has_commands {
        page.render_subcommands_section(&mut roff)?;
    }
    for (title, text) in sections {
        let text = escaped(text);
        write!(roff, ".SH \"{title}\"\n.nf\n{text}.fi\n")?;
    }
    Ok(roff)
}

/// The manual page as clap makes it of the help text alone.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn plain_page(command: Command) -> io::Result<Vec<u8>> {
    let mut roff = Vec::new();
    clap_mangen::Man::new(command).render(&mut roff)?;
    Ok(roff)
}

/// Plain text as roff.
pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// The completion script of a shell.
pub fn completions<A: CommandFactory>(shell: Shell) -> Vec<u8> {
    let mut command = A::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}
