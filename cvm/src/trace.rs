//! Watching a program instruction by instruction.
//!
//! A [`Machine`](crate::machine::Machine) that has a tracer ([`Machine::set_tracer`](crate::machine::Machine::set_tracer))
//! runs in the interpreter, in code that tells the tracer of every instruction right before it runs, in the order in which
//! they run, callbacks from C included. An instruction that does not run any more, because fuel or time is over, is not
//! told. Without a tracer nothing of this is in the code.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use cvm::{host::Host, machine::{Limits, Machine}, report::Reporter, verify::verify};
//! # let source = cvm_asm::SourceFile {
//! #     name: "sum.cvma".into(),
//! #     text: b".func main () -> 1\n push 20\n push 22\n i_add\n ret\n.end\n.entry main\n".to_vec(),
//! # };
//! # let image = cvm_asm::assemble(&[source], &Default::default()).image.expect("the source is right");
//! let module = Arc::new(verify(image)?);
//! let mut machine = Machine::new(Arc::clone(&module), Host::new(), Limits::default())?;
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let (seen, image) = (Arc::clone(&lines), Arc::clone(&module));
//! machine.set_tracer(move |step| {
//!     let text = Reporter::new().image(image.image()).instruction_text(step.ip);
//!     seen.lock().unwrap().push(format!("{text}: {:?}", step.operands));
//!     Ok(())
//! });
//! machine.run()?;
//! assert_eq!(*lines.lock().unwrap(), ["push_b 20: []", "push_b 22: [20]", "i_add: [20, 22]", "ret: [42]"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use crate::host::HostStop;

/// An instruction that is about to run, and the machine's registers.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Text offset of the instruction.
    pub ip: u32,
    /// Index of its function.
    pub function: u32,
    /// Bytes of the addressable call stack that are in use.
    pub csp: u64,
    /// Where the function's frame begins in it.
    pub fp: u64,
    /// The function's operands, the deepest first; as many as osp says.
    pub operands: &'a [u64],
}

/// What a tracer does.
type Tell = dyn FnMut(&Step<'_>) -> Result<(), HostStop> + Send;

/// Who is told of every instruction.
pub(crate) struct Tracer(Box<Tell>);

impl Tracer {
    pub(crate) fn new(
        tell: impl FnMut(&Step<'_>) -> Result<(), HostStop> + Send + 'static,
    ) -> Tracer {
        Tracer(Box::new(tell))
    }

    pub(crate) fn tell(&mut self, step: &Step<'_>) -> Result<(), HostStop> {
        (self.0)(step)
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").finish_non_exhaustive()
    }
}
