//! The program `cvm` as a user meets it: commands, flags, exit statuses, messages.

mod commands;
mod faults;
mod files;
mod host;
mod modules;
#[cfg(feature = "profile")]
mod profile;
mod support;
mod tour;
mod watch;
