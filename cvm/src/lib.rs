//! CVM: a protected stack machine, as a library.
//!
//! A program is an [image](cvm_spec::image) that was [verified](verify): the [`Module`](verify::Module) is the proof
//! of it. A [`Machine`](machine::Machine) runs a module with a [`Host`](host::Host) of functions that the program may
//! call and [`Limits`](machine::Limits) that it must keep to. How the run ended is an [`Exit`](machine::Exit); what
//! the program did wrong is a value in it, a [`Fault`](fault::Fault), which a [`Reporter`](report::Reporter) turns
//! into text or JSON.
//!
//! ```
//! use std::sync::Arc;
//! use cvm::{host::Host, machine::{Limits, Machine}, verify::verify};
//!
//! let source = cvm_asm::SourceFile {
//!     name: "twice.cvma".into(),
//!     text: b".host app.ask () -> 1\n.func main () -> 1\n call app.ask\n dup\n i_add\n ret\n.end\n.entry main\n".to_vec(),
//! };
//! let image = cvm_asm::assemble(&[source], &Default::default()).image.expect("the source is right");
//! let module = Arc::new(verify(image)?);
//! let mut host = Host::new();
//! host.register("app.ask", || -> i64 { 21 });
//! let limits = Limits { fuel: Some(1_000), ..Limits::default() };
//! let exit = Machine::new(module, host, limits)?.run()?;
//! assert_eq!(exit.status(), 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that calls C functions needs a grant: `host::Host::allow_foreign`.
//!
//! An image from a file comes from [`verify::load`]. Machines share a module and nothing else, and a machine can be
//! sent to another thread. The library has no global state, prints nothing and never ends the process; a program
//! that misbehaves in any way ends with a fault.
//!
//! ```
//! # use std::sync::Arc;
//! # use cvm::{host::Host, machine::{Exit, Limits, Machine}, report::Reporter, verify::verify};
//! # let source = cvm_asm::SourceFile {
//! #     name: "bad.cvma".into(),
//! #     text: b".func main ()\n push 1\n push 0\n i_div\n drop\n ret\n.end\n.entry main\n".to_vec(),
//! # };
//! # let image = cvm_asm::assemble(&[source], &Default::default()).image.expect("the source is right");
//! # let module = Arc::new(verify(image)?);
//! # let mut machine = Machine::new(module, Host::new(), Limits::default())?;
//! if let Exit::Fault(fault) = machine.run()? {
//!     let text = Reporter::new().image(machine.module().image()).fault_text(&fault);
//!     assert!(text.starts_with("fault: integer division by zero [divide-by-zero]"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(all(feature = "jit", target_arch = "x86_64", unix)),
    allow(dead_code, reason = "what only the compiler uses")
)]

#[cfg(all(feature = "ffi", not(all(target_os = "linux", target_arch = "x86_64"))))]
compile_error!(
    "the feature `ffi` needs Linux on x86-64; build cvm without it: --no-default-features --features cli"
);

#[cfg(all(feature = "measure-unchecked", feature = "cli"))]
compile_error!(
    "the feature `measure-unchecked` leaves protection out: the program `cvm` (feature `cli`) is not built with it"
);

pub mod compiled;
pub mod fault;
#[cfg(feature = "ffi")]
pub mod ffi;
pub mod host;
#[cfg(feature = "modules")]
pub mod loader;
pub mod machine;
pub mod memory;
pub mod profile;
pub mod report;
pub mod symbols;
pub mod trace;
#[cfg(feature = "measure-unchecked")]
pub mod unchecked;
#[cfg(not(feature = "measure-unchecked"))]
#[path = "unchecked/absent.rs"]
mod unchecked;
pub mod verify;

mod bulk;
mod interp;
#[cfg(all(feature = "jit", target_arch = "x86_64", unix))]
mod jit;
#[cfg(not(all(feature = "jit", target_arch = "x86_64", unix)))]
#[path = "jit/absent.rs"]
mod jit;
mod locate;
