//! A call of an import, the same for every engine.

use cvm_spec::fault::FaultCode;

use super::{Host, HostStop};
use crate::fault::Fault;
use crate::machine::Exit;
use crate::memory::Memory;

/// An import that was resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImportTarget {
    /// Index in [`Host::modules`].
    pub(crate) module: usize,
    /// The function's number in it.
    pub(crate) number: u32,
    pub(crate) args: u16,
    pub(crate) results: u16,
}

impl ImportTarget {
    /// Of imports that are called in another way.
    pub(crate) const NONE: ImportTarget = ImportTarget {
        module: usize::MAX,
        number: 0,
        args: 0,
        results: 0,
    };

    /// Cells that a call needs: as many as the larger of its two counts.
    pub(crate) fn cells(&self) -> usize {
        usize::from(self.args.max(self.results))
    }
}

/// Why a call does not return to the program.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The run ends.
    Exit(Exit),
    /// A fault that is not yet located.
    Fault(Box<Fault>),
}

/// How many arguments a fault report shows.
const NOTED: usize = 3;

/// Calls import number `import`; `cells` has [`ImportTarget::cells`] cells, the arguments first.
pub(crate) fn call(
    host: &mut Host,
    memory: &mut Memory,
    (import, target): (u32, ImportTarget),
    cells: &mut [u64],
) -> Result<(), Stopped> {
    let count = usize::from(target.args).min(NOTED);
    let mut noted = [0; NOTED];
    noted[..count].copy_from_slice(&cells[..count]);
    let Some(module) = host.modules.get_mut(target.module) else {
        return Err(Stopped::Fault(Box::new(Fault {
            import: Some(import),
            ..Fault::new(FaultCode::ImportNotAvailable)
        })));
    };
    let fault = match module.call(target.number, memory, cells) {
        Ok(()) => return Ok(()),
        Err(HostStop::Exit(status)) => return Err(Stopped::Exit(Exit::Exited(status))),
        Err(HostStop::BrokenPipe) => return Err(Stopped::Exit(Exit::BrokenPipe)),
        Err(HostStop::Violation(violation)) => Fault::of_violation(memory, violation, Vec::new()),
        Err(HostStop::Error(message)) => Fault {
            message: Some(message),
            ..Fault::new(FaultCode::HostFault)
        },
        Err(HostStop::Fault(code)) => Fault::new(code),
    };
    Err(Stopped::Fault(Box::new(Fault {
        import: Some(import),
        operands: noted[..count].iter().map(|value| ("", *value)).collect(),
        ..fault
    })))
}
