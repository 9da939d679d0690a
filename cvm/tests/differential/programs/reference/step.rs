//! One instruction.

use cvm::fault::Tried;
use cvm_spec::codec::{Instruction, Operand, decode};
use cvm_spec::fault::FaultCode;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{HEAP_PAGE, OFFSET_MASK, Tag};

use super::compute::compute;
use super::{Frame, Next, Reference, Stopped};
use crate::programs::world::{self, Function};

impl Reference<'_> {
    fn indirect(&self, target: u64, type_index: u32) -> Result<usize, Stopped> {
        let refuse = |code| self.refuse(code, target, 0, Tried::Call);
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
        let found = self.function_type(self.image.functions[callee].type_index);
        let wanted = self.function_type(type_index);
        if found != wanted {
            return Err(Stopped {
                types: Some([wanted, found].map(|t| (t.args, t.results, t.brand))),
                ..refuse(FaultCode::CallTypeMismatch)
            });
        }
        Ok(callee)
    }

    /// A call of the host.
    fn host(&mut self, import: u32, stack: &mut Vec<u64>) -> Result<Option<u8>, Stopped> {
        let (_, args, _) = world::FUNCTIONS[import as usize];
        let args = stack.split_off(stack.len() - usize::from(args));
        let inside = |stopped: Stopped| Stopped {
            import: Some(import),
            ..stopped
        };
        match Function::ALL[import as usize] {
            Function::Put => {
                let bytes = self.bytes(args[0], 0, args[1], false).map_err(inside)?;
                let bytes = bytes.to_vec();
                stack.push(world::sum(&bytes));
                self.output.extend(bytes);
            }
            Function::Get => {
                world::pattern(self.bytes(args[0], 0, args[1], true).map_err(inside)?);
            }
            Function::Mix => {
                let (x, y) = world::mix(args[0], args[1], args[2]);
                stack.extend([x, y]);
            }
            Function::Stop => return Ok(world::stops(args[0])),
            Function::Fail => {
                if let Some(message) = world::fails(args[0]) {
                    return Err(inside(Stopped {
                        message: Some(message),
                        ..FaultCode::HostFault.into()
                    }));
                }
            }
            Function::Grow => stack.push(self.heap_grow(args[0])),
        }
        Ok(None)
    }

    fn heap_grow(&mut self, pages: u64) -> u64 {
        let old = self.heap.len() as u64;
        let grown = pages
            .checked_mul(HEAP_PAGE)
            .and_then(|more| more.checked_add(old))
            .filter(|new| *new <= self.heap_largest);
        match grown {
            None => u64::MAX,
            Some(new) => {
                self.heap.resize(new as usize, 0);
                old / HEAP_PAGE
            }
        }
    }

    /// Executes the instruction that the frame is at.
    pub(super) fn step(&mut self, frame: &mut Frame) -> Result<Next, Stopped> {
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
                                let tried = match access.write {
                                    true => Tried::Write,
                                    false => Tried::Read,
                                };
                                return Err(self.refuse(code, pointer, width, tried));
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
            (Opcode::Halt, _) => Next::Exit(0),
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
                let refuse = |code| self.refuse(code, target, 0, Tried::Jump);
                if target >> 61 != Tag::Text as u64 {
                    return Err(refuse(FaultCode::JumpToNonText));
                }
                let function = &image.functions[frame.function];
                let offset = target & OFFSET_MASK;
                let inside =
                    (u64::from(function.start)..u64::from(function.end())).contains(&offset);
                let shape = &self.shapes[frame.function];
                if !inside
                    || shape.starts.binary_search(&(offset as u32)).is_err()
                    || image.text[offset as usize] != Opcode::Land.byte()
                {
                    return Err(refuse(FaultCode::JumpToNonLand));
                }
                Next::Go(offset as u32)
            }
            (Opcode::Declare, Operand::Cells(_)) => {
                let shape = &self.shapes[frame.function];
                let declared = shape.declares.binary_search(&frame.ip);
                let number = shape.args + declared.expect("it is one");
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
            // Nothing of the host's memory is granted.
            (Opcode::PtrToHost | Opcode::PtrFromHost, _) => {
                return Err(FaultCode::AbsoluteAccess.into());
            }
            (Opcode::HeapSize, _) => {
                stack.push(self.heap.len() as u64 / HEAP_PAGE);
                Next::Go(next)
            }
            (Opcode::HeapGrow, _) => {
                let pages = stack.pop().expect("depth was verified");
                let old = self.heap_grow(pages);
                frame.stack.push(old);
                Next::Go(next)
            }
            (Opcode::CallX, Operand::Index(import)) => match self.host(import, stack)? {
                None => Next::Go(next),
                Some(status) => Next::Exit(status),
            },
            (opcode, _) => panic!("the generator makes no `{}`", opcode.mnemonic()),
        })
    }
}
