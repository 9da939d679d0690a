//! A second implementation of the machine, as plain as can be: it executes byte code directly, one instruction at a
//! time, with a vector for each operand stack and each segment. It shares the arithmetic of `cvm_spec::arith` with the
//! engines and nothing else, and serves as the oracle that they are compared with.

use cvm_spec::arith;
use cvm_spec::codec::{Instruction, Operand, decode};
use cvm_spec::fault::FaultCode;
use cvm_spec::image::{FunctionType, Image, Type};
use cvm_spec::isa::{Flow, Opcode};
use cvm_spec::pointer::{HEAP_PAGE, OFFSET_MASK, Tag};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Returned(Vec<u64>),
    Halted,
    Fault {
        code: FaultCode,
        ip: u32,
        osp: u32,
        csp: u64,
        fp: u64,
        access: Option<(u64, u64)>,
        /// (function, ip), innermost first.
        backtrace: Vec<(u32, u32)>,
    },
}

struct Stopped {
    code: FaultCode,
    access: Option<(u64, u64)>,
}

impl From<FaultCode> for Stopped {
    fn from(code: FaultCode) -> Stopped {
        Stopped { code, access: None }
    }
}

/// Where an object of a frame is.
#[derive(Clone, Copy, Debug)]
struct Object {
    offset: u64,
    size: u64,
    /// Bytes from fp, if it has an address.
    address: Option<u64>,
}

struct Shape {
    objects: Vec<Object>,
    local_size: u64,
    args: usize,
    results: usize,
    /// Cost of the block that begins at a byte of the text.
    blocks: Vec<(u32, u64)>,
}

struct Frame {
    function: usize,
    ip: u32,
    stack: Vec<u64>,
    /// One cell for each object; only private ones use it.
    cells: Vec<u64>,
    fp: u64,
}

pub(crate) struct Reference<'a> {
    image: &'a Image,
    shapes: Vec<Shape>,
    pub(crate) bss: Vec<u8>,
    local: Vec<u8>,
    pub(crate) heap: Vec<u8>,
    heap_largest: u64,
    pub(crate) fuel: u64,
    scratch: Vec<u8>,
}

enum Next {
    Go(u32),
    Call(usize, Vec<u64>),
    Tail(usize, Vec<u64>),
    Return(Vec<u64>),
    Halt,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(image: &'a Image, fuel: u64, max_heap: u64) -> Reference<'a> {
        let mut bss = vec![0; image.bss_size as usize];
        for extent in &image.bss_init {
            let start = extent.offset as usize;
            bss[start..start + extent.bytes.len()].copy_from_slice(&extent.bytes);
        }
        let largest = if image.heap_largest == 0 {
            max_heap
        } else {
            image.heap_largest.min(max_heap)
        };
        Reference {
            image,
            shapes: (0..image.functions.len())
                .map(|f| Shape::of(image, f))
                .collect(),
            bss,
            local: Vec::new(),
            heap: vec![0; image.heap_first as usize],
            heap_largest: largest,
            fuel,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, function: usize) -> Outcome {
        let mut frames = Vec::new();
        self.enter(&mut frames, function, &[]);
        loop {
            let frame = frames.last_mut().expect("there is a frame");
            let ip = frame.ip;
            let osp = frame.stack.len() as u32;
            match self.step(frame) {
                Ok(Next::Go(next)) => frame.ip = next,
                Ok(Next::Call(callee, args)) => self.enter(&mut frames, callee, &args),
                Ok(Next::Tail(callee, args)) => {
                    let left = frames.pop().expect("there is a frame");
                    self.local.truncate(left.fp as usize);
                    self.enter(&mut frames, callee, &args);
                }
                Ok(Next::Return(results)) => {
                    let left = frames.pop().expect("there is a frame");
                    self.local.truncate(left.fp as usize);
                    match frames.last_mut() {
                        None => return Outcome::Returned(results),
                        Some(caller) => {
                            caller.stack.extend(results);
                            let (_, next) =
                                decode(&self.image.text, caller.ip as usize).expect("decodes");
                            caller.ip = next as u32;
                        }
                    }
                }
                Ok(Next::Halt) => return Outcome::Halted,
                Err(stopped) => {
                    return Outcome::Fault {
                        code: stopped.code,
                        ip,
                        osp,
                        csp: self.local.len() as u64,
                        fp: frames.last().map_or(0, |f| f.fp),
                        access: stopped.access,
                        backtrace: frames
                            .iter()
                            .rev()
                            .map(|f| (f.function as u32, f.ip))
                            .collect(),
                    };
                }
            }
        }
    }

    fn enter(&mut self, frames: &mut Vec<Frame>, function: usize, args: &[u64]) {
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
            cells,
            fp,
        });
    }

    fn charge(&mut self, cost: u64) -> Result<(), Stopped> {
        self.fuel = self.fuel.checked_sub(cost).ok_or(FaultCode::OutOfFuel)?;
        Ok(())
    }

    /// The bytes of an access, checked; a store gives them to be changed.
    fn bytes(
        &mut self,
        base: u64,
        offset: u64,
        width: u64,
        write: bool,
    ) -> Result<&mut [u8], Stopped> {
        let tag = Tag::from_bits((base >> 61) as u8);
        let off = (base & OFFSET_MASK).wrapping_add(offset);
        let pointer = base >> 61 << 61 | off & OFFSET_MASK;
        let refuse = |code| Stopped {
            code,
            access: Some((pointer, width)),
        };
        let (segment, outside): (&mut Vec<u8>, _) = match tag {
            Tag::Absolute if off < 65536 => return Err(refuse(FaultCode::NullPointer)),
            Tag::Absolute if off >> 47 != 0 && off >> 47 != 0x3fff => {
                return Err(refuse(FaultCode::NonCanonical));
            }
            Tag::Absolute => return Err(refuse(FaultCode::AbsoluteAccess)),
            Tag::Text => {
                return Err(refuse(if write {
                    FaultCode::WriteToText
                } else {
                    FaultCode::ReadFromText
                }));
            }
            Tag::Data if write => return Err(refuse(FaultCode::WriteToData)),
            Tag::Data => {
                let size = self.image.data.len() as u64;
                if width > size || off > size - width {
                    return Err(refuse(FaultCode::ReadOutOfBounds));
                }
                // A copy: data is never written.
                self.scratch.clear();
                self.scratch
                    .extend_from_slice(&self.image.data[off as usize..(off + width) as usize]);
                return Ok(&mut self.scratch);
            }
            Tag::Bss => (&mut self.bss, None),
            Tag::Local => (&mut self.local, Some(FaultCode::DanglingLocal)),
            Tag::Heap => (&mut self.heap, None),
            Tag::Reserved => return Err(refuse(FaultCode::ReservedSegment)),
            Tag::Upper => return Err(refuse(FaultCode::UpperHalf)),
        };
        let size = segment.len() as u64;
        if width > size || off > size - width {
            let code = if write {
                FaultCode::WriteOutOfBounds
            } else {
                FaultCode::ReadOutOfBounds
            };
            return Err(refuse(outside.unwrap_or(code)));
        }
        Ok(&mut segment[off as usize..(off + width) as usize])
    }

    fn load(&mut self, base: u64, offset: u64, width: u64, signed: bool) -> Result<u64, Stopped> {
        let bytes = self.bytes(base, offset, width, false)?;
        let mut cell = [0; 8];
        cell[..width as usize].copy_from_slice(bytes);
        let value = u64::from_le_bytes(cell);
        let unused = 64 - 8 * width as u32;
        Ok(if signed {
            ((value << unused) as i64 >> unused) as u64
        } else {
            value
        })
    }

    fn store(&mut self, base: u64, offset: u64, width: u64, value: u64) -> Result<(), Stopped> {
        let bytes = self.bytes(base, offset, width, true)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..width as usize]);
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

    fn indirect(&self, target: u64, type_index: u32) -> Result<usize, Stopped> {
        let refuse = |code| Stopped {
            code,
            access: Some((target, 0)),
        };
        let start = u32::try_from(target & OFFSET_MASK).ok();
        let callee = (target >> 61 == Tag::Text as u64)
            .then(|| {
                self.image
                    .functions
                    .iter()
                    .position(|f| Some(f.start) == start)
            })
            .flatten()
            .ok_or_else(|| refuse(FaultCode::CallToNonFunction))?;
        if self.function_type(self.image.functions[callee].type_index)
            != self.function_type(type_index)
        {
            return Err(refuse(FaultCode::CallTypeMismatch));
        }
        Ok(callee)
    }

    fn step(&mut self, frame: &mut Frame) -> Result<Next, Stopped> {
        let image = self.image;
        let shape = &self.shapes[frame.function];
        if let Ok(block) = shape.blocks.binary_search_by_key(&frame.ip, |b| b.0) {
            let cost = shape.blocks[block].1;
            self.charge(cost)?;
        }
        let (Instruction { opcode, operand }, next) =
            decode(&image.text, frame.ip as usize).expect("decodes");
        let next = next as u32;
        let stack = &mut frame.stack;
        let mut pop = || stack.pop().expect("depth was verified");
        if let Some(access) = opcode.access() {
            let width = u64::from(access.width);
            let value = if access.write { pop() } else { 0 };
            let offset = if access.indexed { pop() } else { 0 };
            let loaded = match operand {
                Operand::Pointer(pointer) if pointer.tag() == Tag::Local => {
                    let wanted = u64::from(pointer.offset());
                    let shape = &self.shapes[frame.function];
                    let number = shape.objects.partition_point(|o| o.offset <= wanted) - 1;
                    let object = shape.objects[number];
                    match object.address {
                        None if access.write => {
                            frame.cells[number] = value;
                            None
                        }
                        None => Some(frame.cells[number]),
                        Some(address) => {
                            let start = frame.fp + address;
                            let inside = (wanted - object.offset).wrapping_add(offset);
                            if width > object.size || inside > object.size - width {
                                let code = if access.write {
                                    FaultCode::WriteOutsideObject
                                } else {
                                    FaultCode::ReadOutsideObject
                                };
                                let pointer = (Tag::Local as u64) << 61
                                    | start.wrapping_add(inside) & OFFSET_MASK;
                                return Err(Stopped {
                                    code,
                                    access: Some((pointer, width)),
                                });
                            }
                            let base = (Tag::Local as u64) << 61 | start;
                            if access.write {
                                self.store(base, inside, width, value)?;
                                None
                            } else {
                                Some(self.load(base, inside, width, access.signed)?)
                            }
                        }
                    }
                }
                operand => {
                    let base = match operand {
                        Operand::Pointer(pointer) => pointer.widen().0,
                        _ => pop(),
                    };
                    if access.write {
                        self.store(base, offset, width, value)?;
                        None
                    } else {
                        Some(self.load(base, offset, width, access.signed)?)
                    }
                }
            };
            frame.stack.extend(loaded);
            return Ok(Next::Go(next));
        }
        if let Some(result) = compute(opcode, &mut frame.stack) {
            frame.stack.push(result?);
            return Ok(Next::Go(next));
        }
        let jump = |distance: i32| Next::Go(next.wrapping_add_signed(distance));
        let stack = &mut frame.stack;
        let depth = stack.len();
        Ok(match (opcode, operand) {
            (Opcode::Nop | Opcode::Land, _) => Next::Go(next),
            (Opcode::Halt, _) => Next::Halt,
            (Opcode::Brk, _) => return Err(FaultCode::Breakpoint.into()),
            (Opcode::Abort, _) => return Err(FaultCode::AbortCalled.into()),
            (Opcode::Jmp, Operand::Jump(distance)) => jump(distance),
            (Opcode::Jz, Operand::Jump(distance)) => {
                if stack.pop() == Some(0) {
                    jump(distance)
                } else {
                    Next::Go(next)
                }
            }
            (Opcode::Jnz, Operand::Jump(distance)) => {
                if stack.pop() == Some(0) {
                    Next::Go(next)
                } else {
                    jump(distance)
                }
            }
            (Opcode::Switch, Operand::Table(table)) => {
                let index = stack.pop().expect("depth was verified");
                let last = table.len() - 1;
                let index = usize::try_from(index).unwrap_or(last).min(last);
                jump(table.distances().nth(index).expect("in the table"))
            }
            (Opcode::JmpI, _) => {
                let target = stack.pop().expect("depth was verified");
                let refuse = |code| Stopped {
                    code,
                    access: Some((target, 0)),
                };
                if target >> 61 != Tag::Text as u64 {
                    return Err(refuse(FaultCode::JumpToNonText));
                }
                let function = &image.functions[frame.function];
                let offset = target & OFFSET_MASK;
                let inside =
                    (u64::from(function.start)..u64::from(function.end())).contains(&offset);
                if !inside
                    || !starts(image, frame.function).contains(&(offset as u32))
                    || image.text[offset as usize] != Opcode::Land.byte()
                {
                    return Err(refuse(FaultCode::JumpToNonLand));
                }
                Next::Go(offset as u32)
            }
            (Opcode::Declare, Operand::Cells(_)) => {
                let declared = starts(image, frame.function)
                    .into_iter()
                    .filter(|at| {
                        *at < frame.ip && image.text[*at as usize] == Opcode::Declare.byte()
                    })
                    .count();
                let number = self.shapes[frame.function].args + declared;
                let object = self.shapes[frame.function].objects[number];
                frame.cells[number] = 0;
                if let Some(address) = object.address {
                    let at = (frame.fp + address) as usize;
                    self.local[at..at + object.size as usize].fill(0);
                }
                Next::Go(next)
            }
            (Opcode::Call, Operand::Index(index)) => {
                let (args, _) = self.arity(image.functions[index as usize].type_index);
                Next::Call(index as usize, frame.stack.split_off(depth - args))
            }
            (Opcode::RetCall, Operand::Index(index)) => {
                let (args, _) = self.arity(image.functions[index as usize].type_index);
                Next::Tail(index as usize, frame.stack.split_off(depth - args))
            }
            (Opcode::CallI, Operand::Index(index)) => {
                let target = frame.stack[depth - 1];
                let callee = self.indirect(target, index)?;
                frame.stack.pop();
                Next::Call(
                    callee,
                    frame.stack.split_off(depth - 1 - self.arity(index).0),
                )
            }
            (Opcode::RetCallI, Operand::Index(index)) => {
                let target = frame.stack[depth - 1];
                let callee = self.indirect(target, index)?;
                frame.stack.pop();
                Next::Tail(
                    callee,
                    frame.stack.split_off(depth - 1 - self.arity(index).0),
                )
            }
            (Opcode::Ret, _) => {
                let results = self.shapes[frame.function].results;
                Next::Return(stack.split_off(depth - results))
            }
            (_, Operand::Constant(value)) => {
                stack.push(value);
                Next::Go(next)
            }
            (Opcode::PushA, Operand::Pointer(pointer)) => {
                let cell = if pointer.tag() == Tag::Local {
                    let shape = &self.shapes[frame.function];
                    let wanted = u64::from(pointer.offset());
                    let object = shape
                        .objects
                        .iter()
                        .find(|o| o.offset == wanted)
                        .expect("verified");
                    (Tag::Local as u64) << 61 | (frame.fp + object.address.expect("has an address"))
                } else {
                    pointer.widen().0
                };
                stack.push(cell);
                Next::Go(next)
            }
            (Opcode::Drop, _) => {
                stack.pop();
                Next::Go(next)
            }
            (Opcode::Dup, _) => {
                stack.push(stack[depth - 1]);
                Next::Go(next)
            }
            (Opcode::Over, _) => {
                stack.push(stack[depth - 2]);
                Next::Go(next)
            }
            (Opcode::Pick, Operand::Depth(below)) => {
                stack.push(stack[depth - 1 - usize::from(below)]);
                Next::Go(next)
            }
            (Opcode::Swap, _) => {
                stack.swap(depth - 1, depth - 2);
                Next::Go(next)
            }
            (Opcode::Rot, _) => {
                stack[depth - 3..].rotate_left(1);
                Next::Go(next)
            }
            (Opcode::Slide, Operand::Slide { dropped, kept }) => {
                let kept = depth - usize::from(kept);
                stack.drain(kept - usize::from(dropped)..kept);
                Next::Go(next)
            }
            (Opcode::MemCopy, _) => {
                let (to, from, length) = (stack[depth - 3], stack[depth - 2], stack[depth - 1]);
                self.charge(length.div_ceil(16))?;
                self.bytes(to, 0, length, true)?;
                let bytes = self.bytes(from, 0, length, false)?.to_vec();
                self.bytes(to, 0, length, true)?.copy_from_slice(&bytes);
                frame.stack.truncate(depth - 3);
                Next::Go(next)
            }
            (Opcode::MemFill, _) => {
                let (to, byte, length) = (stack[depth - 3], stack[depth - 2], stack[depth - 1]);
                self.charge(length.div_ceil(16))?;
                self.bytes(to, 0, length, true)?.fill(byte as u8);
                frame.stack.truncate(depth - 3);
                Next::Go(next)
            }
            (Opcode::MemCompare, _) => {
                let (a, b, length) = (stack[depth - 3], stack[depth - 2], stack[depth - 1]);
                self.charge(length.div_ceil(16))?;
                let left = self.bytes(a, 0, length, false)?.to_vec();
                let right = self.bytes(b, 0, length, false)?.to_vec();
                frame.stack.truncate(depth - 3);
                frame.stack.push(left.cmp(&right) as i64 as u64);
                Next::Go(next)
            }
            (Opcode::HeapSize, _) => {
                stack.push(self.heap.len() as u64 / HEAP_PAGE);
                Next::Go(next)
            }
            (Opcode::HeapGrow, _) => {
                let pages = stack.pop().expect("depth was verified");
                let old = self.heap.len() as u64;
                let grown = pages
                    .checked_mul(HEAP_PAGE)
                    .and_then(|more| more.checked_add(old))
                    .filter(|new| *new <= self.heap_largest);
                stack.push(grown.map_or(u64::MAX, |_| old / HEAP_PAGE));
                if let Some(new) = grown {
                    self.heap.resize(new as usize, 0);
                }
                Next::Go(next)
            }
            (opcode, _) => panic!("the generator makes no `{}`", opcode.mnemonic()),
        })
    }
}

/// Text offsets of a function's instructions.
fn starts(image: &Image, function: usize) -> Vec<u32> {
    let function = &image.functions[function];
    let mut starts = Vec::new();
    let mut at = function.start as usize;
    while at < function.end() as usize {
        starts.push(at as u32);
        at = decode(&image.text, at).expect("decodes").1;
    }
    starts
}

impl Shape {
    fn of(image: &Image, function: usize) -> Shape {
        let record = &image.functions[function];
        let (args, results) = image.types[record.type_index as usize].arity();
        let starts = starts(image, function);
        let instruction = |at: u32| decode(&image.text, at as usize).expect("decodes").0;
        let mut objects: Vec<Object> = (0..u64::from(args))
            .map(|k| Object {
                offset: 8 * k,
                size: 8,
                address: None,
            })
            .collect();
        let mut offset = u64::from(args) * 8;
        for at in &starts {
            if let Operand::Cells(cells) = instruction(*at).operand {
                let size = u64::from(cells) * 8;
                objects.push(Object {
                    offset,
                    size,
                    address: None,
                });
                offset += size;
            }
        }
        let mut local_size = 0;
        for object in &mut objects {
            let addressed = starts.iter().any(|at| {
                let found = instruction(*at);
                matches!(found.operand, Operand::Pointer(p) if p.tag() == Tag::Local && u64::from(p.offset()) == object.offset)
                    && (found.opcode == Opcode::PushA || found.opcode.access().is_some_and(|a| a.indexed))
            });
            if addressed || object.size > 8 {
                object.address = Some(local_size);
                local_size += object.size;
            }
        }
        Shape {
            objects,
            local_size,
            args: usize::from(args),
            results: usize::from(results),
            blocks: blocks(image, record.start, &starts),
        }
    }
}

/// Where blocks begin, and the number of instructions in each.
fn blocks(image: &Image, entry: u32, starts: &[u32]) -> Vec<(u32, u64)> {
    let mut reached = std::collections::BTreeSet::new();
    let mut leaders = std::collections::BTreeSet::from([entry]);
    let mut work = vec![entry];
    for at in starts {
        if image.text[*at as usize] == Opcode::Land.byte() {
            leaders.insert(*at);
            work.push(*at);
        }
    }
    while let Some(at) = work.pop() {
        if !reached.insert(at) {
            continue;
        }
        let (found, next) = decode(&image.text, at as usize).expect("decodes");
        let next = next as u32;
        let mut targets = Vec::new();
        match found.operand {
            Operand::Jump(distance) => targets.push(next.wrapping_add_signed(distance)),
            Operand::Table(table) => {
                targets.extend(table.distances().map(|d| next.wrapping_add_signed(d)))
            }
            _ => {}
        }
        leaders.extend(&targets);
        work.extend(targets);
        if found.opcode.flow().falls_through() {
            work.push(next);
            if found.opcode.flow() == Flow::Branch {
                leaders.insert(next);
            }
        }
    }
    leaders
        .iter()
        .filter(|leader| reached.contains(leader))
        .map(|leader| {
            let mut cost = 0;
            for at in starts.iter().filter(|at| *at >= leader) {
                if at != leader && leaders.contains(at) || !reached.contains(at) {
                    break;
                }
                cost += 1;
                let (found, _) = decode(&image.text, *at as usize).expect("decodes");
                if !found.opcode.flow().falls_through() {
                    break;
                }
            }
            (*leader, cost)
        })
        .collect()
}

macro_rules! compute {
    (
        two { $($two:ident $two_name:ident,)* }
        two_faulting { $($twof:ident $twof_name:ident,)* }
        one { $($one:ident $one_name:ident,)* }
        one_faulting { $($onef:ident $onef_name:ident,)* }
    ) => {
        /// Pops the operands of a pure instruction and gives its result; `None` for any other. On a fault the
        /// operands stay.
        fn compute(opcode: Opcode, stack: &mut Vec<u64>) -> Option<Result<u64, Stopped>> {
            let depth = stack.len();
            let at = |below: usize| stack[depth - below];
            let (pops, result) = match opcode {
                $(Opcode::$two => (2, Ok(arith::$two_name(at(2), at(1)))),)*
                $(Opcode::$twof => (2, arith::$twof_name(at(2), at(1))),)*
                $(Opcode::$one => (1, Ok(arith::$one_name(at(1)))),)*
                $(Opcode::$onef => (1, arith::$onef_name(at(1))),)*
                Opcode::Select => (3, Ok(if at(1) != 0 { at(3) } else { at(2) })),
                Opcode::FFma => (3, Ok(arith::f_fma(at(3), at(2), at(1)))),
                Opcode::SFma => (3, Ok(arith::s_fma(at(3), at(2), at(1)))),
                _ => return None,
            };
            if result.is_ok() {
                stack.truncate(depth - pops);
            }
            Some(result.map_err(Stopped::from))
        }
    };
}

compute! {
    two {
        IAdd i_add, ISub i_sub, IMul i_mul, IMulh i_mulh, IUmulh i_umulh, IAnd i_and, IOr i_or, IXor i_xor,
        IShl i_shl, IShr i_shr, IUshr i_ushr, IRotl i_rotl, IRotr i_rotr,
        IEq i_eq, INe i_ne, ILt i_lt, ILe i_le, IGt i_gt, IGe i_ge, IUlt i_ult, IUle i_ule, IUgt i_ugt, IUge i_uge,
        DAdd d_add, DSub d_sub, DMul d_mul, DShl d_shl, DShr d_shr, DUshr d_ushr, DRotl d_rotl, DRotr d_rotr,
        DEq d_eq, DNe d_ne, DLt d_lt, DLe d_le, DGt d_gt, DGe d_ge, DUlt d_ult, DUle d_ule, DUgt d_ugt, DUge d_uge,
        FAdd f_add, FSub f_sub, FMul f_mul, FDiv f_div, FCopysign f_copysign, FMin f_min, FMax f_max,
        FEq f_eq, FNe f_ne, FLt f_lt, FLe f_le, FGt f_gt, FGe f_ge,
        SAdd s_add, SSub s_sub, SMul s_mul, SDiv s_div, SCopysign s_copysign, SMin s_min, SMax s_max,
        SEq s_eq, SNe s_ne, SLt s_lt, SLe s_le, SGt s_gt, SGe s_ge,
    }
    two_faulting {
        IDiv i_div, IUdiv i_udiv, IRem i_rem, IUrem i_urem, DDiv d_div, DUdiv d_udiv, DRem d_rem, DUrem d_urem,
    }
    one {
        INeg i_neg, INot i_not, IClz i_clz, ICtz i_ctz, IPopcnt i_popcnt, IEqz i_eqz,
        ISextB i_sext_b, ISextW i_sext_w, ISextD i_sext_d, IZextB i_zext_b, IZextW i_zext_w, IZextD i_zext_d,
        DNeg d_neg, DNot d_not, DClz d_clz, DCtz d_ctz, DPopcnt d_popcnt, DEqz d_eqz, DSextB d_sext_b, DSextW d_sext_w,
        FSqrt f_sqrt, FAbs f_abs, FNeg f_neg, FCeil f_ceil, FFloor f_floor, FTrunc f_trunc, FNearest f_nearest,
        SSqrt s_sqrt, SAbs s_abs, SNeg s_neg, SCeil s_ceil, SFloor s_floor, STrunc s_trunc, SNearest s_nearest,
        IToF i_to_f, UToF u_to_f, DToF d_to_f, UdToF ud_to_f, IToS i_to_s, UToS u_to_s, DToS d_to_s, UdToS ud_to_s,
        FToISat f_to_i_sat, FToUSat f_to_u_sat, FToDSat f_to_d_sat, FToUdSat f_to_ud_sat,
        SToISat s_to_i_sat, SToUSat s_to_u_sat, SToDSat s_to_d_sat, SToUdSat s_to_ud_sat,
        FToS f_to_s, SToF s_to_f,
    }
    one_faulting {
        FToI f_to_i, FToU f_to_u, FToD f_to_d, FToUd f_to_ud, SToI s_to_i, SToU s_to_u, SToD s_to_d, SToUd s_to_ud,
    }
}
