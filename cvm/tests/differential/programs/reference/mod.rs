//! A second implementation of the machine, as plain as can be: it executes byte code directly, one instruction at a
//! time, with a vector for each operand stack and each segment. It shares the arithmetic of `cvm_spec::arith` with the
//! engines and nothing else, and serves as the oracle that they are compared with.

mod compute;
mod memory;
mod shape;
mod step;

use cvm::fault::{BACKTRACE_MAX, Fault, Frame as Traced, RefusedAccess, Registers};
use cvm::machine::Exit;
use cvm_spec::codec::{Operand, decode};
use cvm_spec::fault::FaultCode;
use cvm_spec::image::{FunctionType, Image, Type};
use cvm_spec::isa::{Effect, Opcode};

use shape::Shape;

/// An instruction that does not go on.
struct Stopped {
    code: FaultCode,
    access: Option<RefusedAccess>,
    import: Option<u32>,
    message: Option<String>,
    types: Option<[(u16, u16, u32); 2]>,
    /// Whether the instruction had begun, so that its operands belong to the report.
    has_begun: bool,
}

impl From<FaultCode> for Stopped {
    fn from(code: FaultCode) -> Stopped {
        Stopped {
            code,
            access: None,
            import: None,
            message: None,
            types: None,
            has_begun: true,
        }
    }
}

/// The call stack is full; the instruction has not begun.
fn overflow() -> Stopped {
    Stopped {
        has_begun: false,
        ..FaultCode::CallStackOverflow.into()
    }
}

struct Frame {
    function: usize,
    ip: u32,
    stack: Vec<u64>,
    /// Operands before the instruction that it is in.
    osp: usize,
    /// One cell for each object; only private ones use it.
    cells: Vec<u64>,
    fp: u64,
}

/// Where an engine found the call stack full. Engines need not agree in that, but in everything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    /// Fuel that was used until then.
    pub(crate) fuel_used: u64,
    /// Frames, the innermost included.
    pub(crate) frames: usize,
    /// The call, or the first instruction of the function that did not fit.
    pub(crate) ip: u32,
}

/// The machine.
pub(crate) struct Reference<'a> {
    image: &'a Image,
    shapes: &'a [Shape],
    pub(crate) bss: Vec<u8>,
    local: Vec<u8>,
    pub(crate) heap: Vec<u8>,
    heap_largest: u64,
    budget: u64,
    fuel: u64,
    full: Option<Full>,
    /// What the program has written.
    pub(crate) output: Vec<u8>,
    scratch: Vec<u8>,
}

enum Next {
    Go(u32),
    Call(usize, Vec<u64>),
    Tail(usize, Vec<u64>),
    Return(Vec<u64>),
    Exit(u8),
}

/// The functions of an image, looked at once for all its runs.
pub(crate) struct Shapes(Vec<Shape>);

impl Shapes {
    pub(crate) fn of(image: &Image) -> Shapes {
        let numbers = 0..image.functions.len();
        Shapes(numbers.map(|number| Shape::of(image, number)).collect())
    }
}

impl<'a> Reference<'a> {
    pub(crate) fn new(
        image: &'a Image,
        shapes: &'a Shapes,
        fuel: u64,
        max_heap: u64,
    ) -> Reference<'a> {
        let mut bss = vec![0; image.bss_size as usize];
        for extent in &image.bss_init {
            let start = extent.offset as usize;
            bss[start..start + extent.bytes.len()].copy_from_slice(&extent.bytes);
        }
        Reference {
            image,
            shapes: &shapes.0,
            bss,
            local: Vec::new(),
            heap: vec![0; image.heap_first as usize],
            heap_largest: image.heap_largest.min(max_heap),
            budget: fuel,
            fuel,
            full: None,
            output: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The same, with a call stack that is full at this place.
    pub(crate) fn full_at(mut self, full: Full) -> Self {
        self.full = Some(full);
        self
    }

    pub(crate) fn fuel_used(&self) -> u64 {
        self.budget - self.fuel
    }

    /// Runs the program.
    pub(crate) fn run(&mut self) -> Exit {
        let image = self.image;
        for initialiser in &image.initialisers {
            match self.run_function(*initialiser as usize) {
                Exit::Returned(_) => {}
                Exit::Fault(mut fault) => {
                    fault.initialiser = Some(*initialiser);
                    return Exit::Fault(fault);
                }
                exit => return exit,
            }
        }
        self.run_function(image.functions.len() - 1)
    }

    fn run_function(&mut self, function: usize) -> Exit {
        let mut frames = Vec::new();
        let mut before = Vec::new();
        if let Err(overflow) = self.enter(&mut frames, function, &[]) {
            return self.stop(&frames, &[], overflow);
        }
        loop {
            let frame = frames.last_mut().expect("there is a frame");
            before.clone_from(&frame.stack);
            frame.osp = before.len();
            let (callee, args, is_tail) = match self.step(frame) {
                Ok(Next::Go(next)) => {
                    frame.ip = next;
                    continue;
                }
                Ok(Next::Exit(status)) => {
                    self.local.clear();
                    return Exit::Exited(status);
                }
                Ok(Next::Return(results)) => {
                    self.leave(&mut frames);
                    let Some(caller) = frames.last_mut() else {
                        return Exit::Returned(results);
                    };
                    caller.stack.extend(results);
                    let (_, next) = decode(&self.image.text, caller.ip as usize).expect("decodes");
                    caller.ip = next as u32;
                    continue;
                }
                Err(stopped) => return self.stop(&frames, &before, stopped),
                Ok(Next::Call(callee, args)) => (callee, args, false),
                Ok(Next::Tail(callee, args)) => (callee, args, true),
            };
            if self.is_full(&frames) {
                return self.stop(&frames, &before, overflow());
            }
            if is_tail {
                self.leave(&mut frames);
                // Nothing is left of the function that made the call: the one before it may be named.
                if self.is_full(&frames) {
                    let caller = vec![0; frames.last().map_or(0, |frame| frame.osp)];
                    return self.stop(&frames, &caller, overflow());
                }
            }
            if let Err(overflow) = self.enter(&mut frames, callee, &args) {
                return self.stop(&frames, &[], overflow);
            }
        }
    }

    fn leave(&mut self, frames: &mut Vec<Frame>) {
        let left = frames.pop().expect("there is a frame");
        self.local.truncate(left.fp as usize);
    }

    fn stop(&mut self, frames: &[Frame], stack: &[u64], stopped: Stopped) -> Exit {
        let fault = self.fault(frames, stack, stopped);
        self.local.clear();
        Exit::Fault(Box::new(fault))
    }

    /// Whether the engine found the call stack full here.
    fn is_full(&self, frames: &[Frame]) -> bool {
        let Some(innermost) = frames.last() else {
            return false;
        };
        let here = (frames.len(), innermost.ip, self.fuel_used());
        self.full
            .is_some_and(|full| (full.frames, full.ip, full.fuel_used) == here)
    }

    /// Makes a function's frame; the fault, if its objects do not fit.
    fn enter(
        &mut self,
        frames: &mut Vec<Frame>,
        function: usize,
        args: &[u64],
    ) -> Result<(), Stopped> {
        let shape = &self.shapes[function];
        let fp = self.local.len() as u64;
        self.local.resize((fp + shape.local_size) as usize, 0);
        let mut cells = vec![0; shape.objects.len()];
        for (number, arg) in args.iter().enumerate() {
            match shape.objects[number].address {
                Some(address) => {
                    let at = (fp + address) as usize;
                    self.local[at..at + 8].copy_from_slice(&arg.to_le_bytes());
                }
                None => cells[number] = *arg,
            }
        }
        frames.push(Frame {
            function,
            ip: self.image.functions[function].start,
            stack: Vec::new(),
            osp: 0,
            cells,
            fp,
        });
        if self.is_full(frames) {
            self.local.truncate(fp as usize);
            return Err(overflow());
        }
        Ok(())
    }

    /// The report of a fault; `stack` are the operands before the instruction.
    fn fault(&self, frames: &[Frame], stack: &[u64], stopped: Stopped) -> Fault {
        let innermost = frames.last().expect("there is a frame");
        let (instruction, _) =
            decode(&self.image.text, innermost.ip as usize).expect("it was verified");
        let mut backtrace: Vec<Traced> = frames
            .iter()
            .rev()
            .map(|frame| Traced {
                function: frame.function as u32,
                ip: frame.ip,
                foreign: None,
            })
            .collect();
        let mut omitted = None;
        if let Some(count) = backtrace.len().checked_sub(BACKTRACE_MAX)
            && count > 0
        {
            // One in four of the callers that fit are the outermost.
            let inner = BACKTRACE_MAX - (BACKTRACE_MAX - 1) / 4;
            backtrace.drain(inner..inner + count);
            omitted = Some((inner, count as u64));
        }
        let object = match instruction.operand {
            Operand::Pointer(pointer)
                if matches!(
                    stopped.code,
                    FaultCode::ReadOutsideObject | FaultCode::WriteOutsideObject
                ) =>
            {
                Some(pointer.offset())
            }
            _ => None,
        };
        Fault {
            code: stopped.code,
            initialiser: None,
            opcode: Some(instruction.opcode),
            registers: Registers {
                ip: innermost.ip,
                osp: stack.len() as u32,
                csp: self.local.len() as u64,
                fp: innermost.fp,
            },
            access: stopped.access,
            local_object: object,
            operands: match stopped.has_begun {
                true => self.operands(instruction.opcode, instruction.operand, stack),
                false => Vec::new(),
            },
            backtrace,
            omitted,
            abort_code: match instruction.operand {
                Operand::Code(code) => Some(code),
                _ => None,
            },
            types: stopped.types,
            import: stopped.import,
            message: stopped.message,
            allocations: Vec::new(),
            symbols: Vec::new(),
        }
    }

    /// The operands of an instruction with the names that the table gives them.
    fn operands(
        &self,
        opcode: Opcode,
        operand: Operand<'_>,
        stack: &[u64],
    ) -> Vec<(&'static str, u64)> {
        const ARGUMENTS: [&str; 3] = ["argument 1", "argument 2", "argument 3"];
        match (opcode, operand, opcode.row().effect) {
            (_, _, Effect::Fixed { pops, .. }) => {
                let values = &stack[stack.len() - pops.len()..];
                pops.iter().copied().zip(values.iter().copied()).collect()
            }
            (Opcode::CallI | Opcode::RetCallI, ..) => vec![("target", stack[stack.len() - 1])],
            (Opcode::CallX, Operand::Index(import), _) => {
                let (args, _) = self.arity(self.image.imports[import as usize].type_index);
                let values = &stack[stack.len() - args..];
                ARGUMENTS.into_iter().zip(values.iter().copied()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn charge(&mut self, cost: u64) -> Result<(), Stopped> {
        self.fuel = self.fuel.checked_sub(cost).ok_or(Stopped {
            has_begun: false,
            ..FaultCode::OutOfFuel.into()
        })?;
        Ok(())
    }

    fn arity(&self, type_index: u32) -> (usize, usize) {
        let (args, results) = self.image.types[type_index as usize].arity();
        (usize::from(args), usize::from(results))
    }

    fn function_type(&self, type_index: u32) -> FunctionType {
        match self.image.types[type_index as usize] {
            Type::Function(function_type) => function_type,
            Type::Foreign { .. } => panic!("no foreign types here"),
        }
    }
}
