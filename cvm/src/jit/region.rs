//! One check for several accesses.
//!
//! A *region* is a run of instructions that is entered at its first one only; branches may leave it on the way. Accesses
//! in a region that have the same base, or the same offset from constant bases in one segment, are a *group*: the first
//! access checks for all of them, as far as the furthest reaches. If the check holds, the others need none, and their
//! addresses are one register and a constant distance. Sums of 32 bits with constants belong to the group of what the
//! constants are added to, so the fields of a record that a translated C program points to are one group: where the lowest
//! and the furthest are inside, no sum of them has wrapped.
//!
//! If the check fails, the program may still be right, for instance because it leaves the region before the furthest
//! access, or because the base points into another segment than was guessed. So the rest of the region is compiled once
//! more, out of line, with a check at every access: faults are raised where the interpreter would raise them, and nothing
//! else does.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Imm64;
use cranelift_codegen::ir::types::{I32, I64, Type};
use cranelift_codegen::ir::{
    Block, BlockArg, Inst, InstBuilder, InstructionData, Opcode as ClifOpcode, Value, ValueDef,
};
use cvm_spec::codec::Operand;
use cvm_spec::pointer::Tag;

use crate::unchecked;
use crate::verify::flow::UNREACHED;

use super::context::offset;
use super::function::Lowering;
use super::value::Held;

/// A region of more instructions shares no checks: it would be compiled twice.
const REGION_MAX: usize = 400;
/// In a function, so many instructions are compiled twice at most.
const COPIES_MAX: usize = 4_000;
/// So many groups are remembered.
const GROUPS_MAX: usize = 16;
/// Two values are compared as far as this many operations deep.
const DEPTH: u32 = 4;

/// What the accesses of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A base that probably points into the segment; distances count from the base.
    Guessed,
    /// An offset from the start of the segment; distances are the constant bases' offsets.
    Indexed,
}

/// A base or an offset, as the sum of a value and a constant.
#[derive(Clone, Copy, Debug)]
struct Sum {
    /// What the constant is added to: with all its bits, if it is the lower half of something.
    key: Value,
    /// The constant; of a sum of 32 bits, as a signed number.
    added: i64,
}

/// Accesses that share a check.
#[derive(Clone, Copy, Debug)]
struct Group {
    kind: Kind,
    tag: Tag,
    /// What the accesses have in common.
    key: Value,
    /// The same, as the check uses it. With 32 bits, the check is right for sums that have wrapped as well; with 64, it
    /// sends them out of line.
    root: Value,
    /// Smallest constant that is added to the root, before the distance is.
    low: i64,
    /// Bytes from the root to the end of the furthest access.
    high: i64,
    constants: Constants,
    /// Segment size plus 1, if that is known.
    size: Option<u64>,
    /// Host address that belongs to the root.
    host: Value,
}

/// Constants of a group's check, which change with every access that comes to it.
#[derive(Clone, Copy, Debug)]
struct Constants {
    /// `low`, added to the root.
    low: Inst,
    /// What takes it away from the host address.
    back: Inst,
    /// What the check makes of the bytes from the lowest to the furthest.
    reach: Inst,
    reach_as: Reach,
}

/// How a check uses the number of bytes that it is for.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// It is added to the lowest offset, which has 32 bits, but for what the limit of this load takes care of.
    Added(Inst),
    /// It is taken away from the segment's size, which is known.
    Known,
    /// It is taken away from the segment's size as the descriptor has it.
    Taken,
}

impl Group {
    fn reach(&self) -> u64 {
        (self.high - self.low) as u64
    }

    /// The width of an access for which the descriptor has a limit that fits, as a logarithm.
    fn width(&self) -> Option<u32> {
        let reach = self.reach();
        (reach.is_power_of_two() && reach <= 8).then(|| reach.trailing_zeros())
    }

    fn reach_constant(&self) -> u64 {
        match (self.constants.reach_as, self.size) {
            (Reach::Known, Some(size)) => (size + 1).saturating_sub(self.reach()),
            (Reach::Taken, _) => self.reach().wrapping_neg(),
            (Reach::Added(_), _) if self.width().is_some() => 0,
            _ => self.reach() - 1,
        }
    }
}

/// A way out of the shared checks.
#[derive(Debug)]
struct Exit {
    number: usize,
    block: Block,
    held: Held,
    declared: usize,
}

/// The region under compilation.
#[derive(Debug, Default)]
pub(super) struct Region {
    shares: bool,
    groups: Vec<Group>,
    exits: Vec<Exit>,
    /// The operands before the instruction under compilation.
    before: Option<Held>,
    /// Instructions that were or will be compiled twice.
    copies: usize,
}

impl Region {
    /// Shares no more checks in this region.
    pub(super) fn suspend(&mut self) {
        self.shares = false;
    }

    /// Whether an access may share a check.
    pub(super) fn shares(&self) -> bool {
        self.shares
    }
}

impl Lowering<'_, '_> {
    /// A region begins.
    pub(super) fn enter_region(&mut self, first: usize) {
        self.region.groups.clear();
        self.region.before = None;
        let (mut length, mut accesses) = (0, 0);
        for number in first..self.body.instructions.len() {
            let is_other = number > first && self.blocks[number].is_some();
            if is_other || self.depths.before[number] == UNREACHED || length > REGION_MAX {
                break;
            }
            let (_, instruction) = self.body.instructions[number];
            length += 1;
            accesses += usize::from(instruction.opcode.access().is_some_and(|access| {
                match instruction.operand {
                    Operand::Pointer(pointer) => access.indexed && pointer.tag() != Tag::Local,
                    _ => true,
                }
            }));
            if !instruction.opcode.flow().falls_through() {
                break;
            }
        }
        self.region.shares =
            accesses > 1 && length <= REGION_MAX && self.region.copies + length <= COPIES_MAX;
        if self.region.shares {
            self.region.copies += length;
        }
    }

    /// Notes the operands before an access that may share a check.
    pub(super) fn hold_operands(&mut self) {
        if self.region.shares {
            self.region.before = Some(self.stack.hold());
        }
    }

    /// The address of an access at a distance from a base that probably points into a segment, or from an offset in it; the
    /// check is shared with other accesses in the region. `size` is the segment's, where it never changes and the access is
    /// allowed.
    pub(super) fn shared_address(
        &mut self,
        kind: Kind,
        (tag, size): (Tag, Option<u64>),
        value: Value,
        distance: i32,
        width: u8,
    ) -> (Value, i32) {
        // A sum of 32 bits that is inside the segment has not wrapped only if the segment is not larger.
        let image = self.shared.image;
        let is_small = size.is_some() || (1..=1 << 32).contains(&image.heap_largest);
        let sum = match kind {
            Kind::Indexed if is_small => self.sum(value, distance),
            _ => None,
        };
        let sum = sum.unwrap_or(Sum {
            key: value,
            added: 0,
        });
        let from_root = sum.added + i64::from(distance);
        let end = from_root + i64::from(width);
        let lowest = match kind {
            Kind::Guessed => from_root,
            Kind::Indexed => sum.added,
        };
        if let Some(position) = self.group_of(kind, tag, sum) {
            let group = &mut self.region.groups[position];
            group.low = group.low.min(lowest);
            group.high = group.high.max(end);
            let group = *group;
            self.set_constants(&group);
            return (group.host, from_root as i32);
        }
        let group = self.new_group(kind, (tag, size), sum, (lowest, end));
        self.set_constants(&group);
        if self.region.groups.len() == GROUPS_MAX {
            self.region.groups.remove(0);
        }
        self.region.groups.push(group);
        (group.host, from_root as i32)
    }

    /// The group that an access belongs to.
    fn group_of(&self, kind: Kind, tag: Tag, sum: Sum) -> Option<usize> {
        self.region.groups.iter().position(|group| {
            group.kind == kind && group.tag == tag && self.is_same(group.key, sum.key, DEPTH)
        })
    }

    /// Checks for an access; others may come to it.
    fn new_group(
        &mut self,
        kind: Kind,
        (tag, size): (Tag, Option<u64>),
        sum: Sum,
        (low, end): (i64, i64),
    ) -> Group {
        let descriptor = (tag as i32) << offset::DESCRIPTOR_LOG;
        let segment = self.load_fixed(self.table, descriptor + offset::BASE);
        let root = match kind {
            Kind::Guessed => {
                let tags = self.load_fixed(self.table, offset::TAGS + 8 * tag as i32);
                // With another tag this is far above every limit.
                self.b.ins().isub(sum.key, tags)
            }
            Kind::Indexed if sum.added != 0 && self.narrow.contains(&sum.key) => {
                self.b.ins().ireduce(I32, sum.key)
            }
            Kind::Indexed => sum.key,
        };
        let ty = self.b.func.dfg.value_type(root);
        let (added, low_inst) = self.changing(ty);
        let lowest = self.b.ins().iadd(root, added);
        let lowest = match ty {
            I32 => self.b.ins().uextend(I64, lowest),
            _ => lowest,
        };
        let (reach, reach_inst) = self.changing(I64);
        let size_at = descriptor + offset::READ_LIMIT;
        let (compared, limit, reach_as) = match (size, ty) {
            (Some(_), _) => (lowest, reach, Reach::Known),
            (None, I32) => {
                let table = self.limits_of(tag);
                let limit = self.load_fixed(table, size_at);
                let furthest = self.b.ins().iadd(lowest, reach);
                (furthest, limit, Reach::Added(self.defined_by(limit)))
            }
            (None, _) => {
                let table = self.limits_of(tag);
                let size = self.load_fixed(table, size_at);
                let above = self.b.ins().iadd_imm_s(size, 1);
                let limit = self.b.ins().iadd(above, reach);
                // A maximum at the end is computed once, in front of a loop; a sum would be computed in it again.
                let zero = self.constant(0);
                (lowest, self.b.ins().smax(limit, zero), Reach::Taken)
            }
        };
        if !unchecked::accesses() {
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, compared, limit);
            self.exit_if(is_outside);
        }
        let (back, back_inst) = self.changing(I64);
        let host = self.b.ins().iadd(segment, lowest);
        let host = self.b.ins().iadd(host, back);
        Group {
            kind,
            tag,
            key: sum.key,
            root,
            // Nothing is added to 64 bits, so that no other tag's pointers come to be inside.
            low: match ty {
                I32 => low,
                _ => low.min(0),
            },
            high: end,
            constants: Constants {
                low: low_inst,
                back: back_inst,
                reach: reach_inst,
                reach_as,
            },
            size,
            host,
        }
    }

    /// A constant that is set later.
    fn changing(&mut self, ty: Type) -> (Value, Inst) {
        let value = self.b.ins().iconst(ty, 0);
        (value, self.defined_by(value))
    }

    /// The instruction that makes a value.
    fn defined_by(&self, value: Value) -> Inst {
        let ValueDef::Result(inst, _) = self.b.func.dfg.value_def(value) else {
            unreachable!("an instruction made it")
        };
        inst
    }

    /// Sets the constants of a group's check.
    fn set_constants(&mut self, group: &Group) {
        let low = match self.b.func.dfg.value_type(group.root) {
            I32 => i64::from(group.low as i32 as u32),
            _ => group.low,
        };
        for (inst, value) in [
            (group.constants.low, low),
            (group.constants.back, -group.low),
            (group.constants.reach, group.reach_constant() as i64),
        ] {
            self.b.func.dfg.insts[inst] = InstructionData::UnaryImm {
                opcode: ClifOpcode::Iconst,
                imm: Imm64::new(value),
            };
        }
        if let Reach::Added(limit) = group.constants.reach_as
            && let InstructionData::Load { offset: at, .. } = &mut self.b.func.dfg.insts[limit]
        {
            let log = group.width().unwrap_or(0);
            let descriptor = (group.tag as i32) << offset::DESCRIPTOR_LOG;
            *at = (descriptor + offset::READ_LIMIT + 8 * log as i32).into();
        }
    }

    /// An offset as a sum of 32 bits with a constant, if it is one and the distance from what remains is small.
    fn sum(&self, value: Value, distance: i32) -> Option<Sum> {
        let dfg = &self.b.func.dfg;
        let defined = |value| match dfg.value_def(dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, 0) => Some(dfg.insts[inst]),
            _ => None,
        };
        let Some(InstructionData::Unary {
            opcode: ClifOpcode::Uextend,
            arg: mut root,
        }) = defined(value)
        else {
            return None;
        };
        if dfg.value_type(root) != I32 {
            return None;
        }
        let mut added = 0i32;
        while let Some(InstructionData::Binary {
            opcode: ClifOpcode::Iadd,
            args: [left, right],
        }) = defined(root)
        {
            let constant = |value| match defined(value) {
                Some(InstructionData::UnaryImm {
                    opcode: ClifOpcode::Iconst,
                    imm,
                }) => Some(imm.bits() as i32),
                _ => None,
            };
            match (constant(left), constant(right)) {
                (_, Some(constant)) => (root, added) = (left, added.wrapping_add(constant)),
                (Some(constant), None) => (root, added) = (right, added.wrapping_add(constant)),
                (None, None) => break,
            }
        }
        added.checked_add(distance)?;
        let key = match defined(root) {
            Some(InstructionData::Unary {
                opcode: ClifOpcode::Ireduce,
                arg,
            }) if dfg.value_type(arg) == I64 => arg,
            _ => root,
        };
        Some(Sum {
            key,
            added: i64::from(added),
        })
    }

    /// Goes on out of line with the instruction under compilation if a condition holds.
    fn exit_if(&mut self, condition: Value) {
        let (exit, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(exit);
        let Some(mut held) = self.region.before.take() else {
            unreachable!("operands are noted before every access")
        };
        let mut arguments: Vec<BlockArg> = Vec::new();
        for cell in &mut held.cells {
            if let Some(value) = cell.value() {
                arguments.push(value.into());
                let ty = self.b.func.dfg.value_type(value);
                *cell = cell.held_in(self.b.append_block_param(exit, ty));
            }
        }
        self.b.ins().brif(condition, exit, &arguments, next, &[]);
        self.region.exits.push(Exit {
            number: self.number,
            block: exit,
            held,
            declared: self.declared,
        });
        self.begin(next);
    }

    /// A region has ended before this instruction, and so has its last block: compiles what its exits lead to.
    pub(super) fn leave_region(&mut self, end: usize) {
        self.region.shares = false;
        self.region.groups.clear();
        let exits = std::mem::take(&mut self.region.exits);
        if exits.is_empty() {
            return;
        }
        let (stack, declared) = (self.stack.hold(), self.declared);
        let (is_ended, fresh) = (self.is_ended, self.fresh);
        self.is_cold = true;
        self.fresh = false;
        let mut exits = exits.into_iter().peekable();
        while let Some(exit) = exits.next() {
            self.begin(exit.block);
            self.floats.clear();
            self.stack.restore(exit.held);
            self.declared = exit.declared;
            let stop = exits.peek().map_or(end, |next| next.number);
            self.is_ended = false;
            for number in exit.number..stop {
                // What happens before an instruction happened before the exit.
                match number == exit.number {
                    true => self.stand_at(number),
                    false => self.begin_instruction(number),
                }
                let (_, instruction) = self.body.instructions[number];
                self.step(&instruction);
            }
            match exits.peek() {
                _ if self.is_ended => {}
                Some(next) => self.join_exit(next.block, &next.held.clone()),
                None => {
                    let block = self.block_from(self.number, end);
                    let block = block.expect("a region that goes on ends at a target");
                    self.stack.settle(&mut self.b);
                    self.b.ins().jump(block, &[]);
                }
            }
        }
        self.is_cold = false;
        self.stack.restore(stack);
        (self.declared, self.is_ended, self.fresh) = (declared, is_ended, fresh);
    }

    /// Goes on where the next exit leads.
    fn join_exit(&mut self, block: Block, held: &Held) {
        let mut cells = Vec::with_capacity(held.cells.len());
        let depth = self.stack.depth();
        for position in held.settled..depth {
            cells.push(self.stack.peek(&mut self.b, depth - 1 - position));
        }
        let mut arguments: Vec<BlockArg> = Vec::new();
        for (wanted, cell) in held.cells.iter().zip(cells) {
            if wanted.value().is_some() {
                let value = super::value::in_form(&mut self.b, wanted.form, cell);
                arguments.push(value.into());
            }
        }
        self.b.ins().jump(block, &arguments);
    }

    /// Whether two values are computed in the same way from the same values.
    fn is_same(&self, one: Value, other: Value, depth: u32) -> bool {
        let dfg = &self.b.func.dfg;
        let (one, other) = (dfg.resolve_aliases(one), dfg.resolve_aliases(other));
        if one == other {
            return true;
        }
        let (ValueDef::Result(one, 0), ValueDef::Result(other, 0)) =
            (dfg.value_def(one), dfg.value_def(other))
        else {
            return false;
        };
        if depth == 0 {
            return false;
        }
        match (dfg.insts[one], dfg.insts[other]) {
            (
                InstructionData::UnaryImm { opcode, imm },
                InstructionData::UnaryImm {
                    opcode: other_opcode,
                    imm: other_imm,
                },
            ) => {
                // Constants of other groups change.
                let is_fixed = |inst| {
                    self.region.groups.iter().all(|group| {
                        let Constants {
                            low, back, reach, ..
                        } = group.constants;
                        ![low, back, reach].contains(&inst)
                    })
                };
                opcode == other_opcode && imm == other_imm && is_fixed(one) && is_fixed(other)
            }
            (
                InstructionData::Binary { opcode, args },
                InstructionData::Binary {
                    opcode: other_opcode,
                    args: other_args,
                },
            ) => {
                opcode == other_opcode
                    && dfg.ctrl_typevar(one) == dfg.ctrl_typevar(other)
                    && args
                        .iter()
                        .zip(&other_args)
                        .all(|(one, other)| self.is_same(*one, *other, depth - 1))
            }
            (
                InstructionData::Unary { opcode, arg },
                InstructionData::Unary {
                    opcode: other_opcode,
                    arg: other_arg,
                },
            ) => {
                opcode == other_opcode
                    && dfg.ctrl_typevar(one) == dfg.ctrl_typevar(other)
                    && dfg.value_type(arg) == dfg.value_type(other_arg)
                    && self.is_same(arg, other_arg, depth - 1)
            }
            _ => false,
        }
    }
}
