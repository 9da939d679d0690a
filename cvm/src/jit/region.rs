//! One check for several accesses.
//!
//! A *region* is a run of instructions that is entered at its first one only; branches may leave it on the way. Accesses
//! in a region that have the same base, or the same offset from constant bases in one segment, are a *group*: the first
//! access checks for all of them, as far as the furthest reaches. If the check holds, the others need none, and their
//! addresses are one register and a constant distance.
//!
//! If the check fails, the program may still be right, for instance because it leaves the region before the furthest
//! access, or because the base points into another segment than was guessed. So the rest of the region is compiled once
//! more, out of line, with a check at every access: faults are raised where the interpreter would raise them, and nothing
//! else does.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Imm64;
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

/// Accesses that share a check.
#[derive(Clone, Copy, Debug)]
struct Group {
    kind: Kind,
    tag: Tag,
    /// The base, or the offset.
    value: Value,
    /// Distance of the first access.
    first: i32,
    /// Bytes from the first access's start to the end of the furthest one.
    reach: u64,
    /// The constant that `reach` makes.
    constant: Inst,
    /// Segment size plus 1, if that is known: the constant is then this less `reach`.
    size: Option<u64>,
    /// Host address at distance 0.
    host: Value,
}

impl Group {
    fn constant(&self) -> u64 {
        match self.size {
            Some(size) => (size + 1).saturating_sub(self.reach),
            None => self.reach,
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
        let end = |first: i32| (i64::from(distance) - i64::from(first)) as u64 + u64::from(width);
        let known = self.region.groups.iter().position(|group| {
            group.kind == kind
                && group.tag == tag
                && group.first <= distance
                && self.is_same(group.value, value, DEPTH)
        });
        if let Some(position) = known {
            let group = &mut self.region.groups[position];
            group.reach = group.reach.max(end(group.first));
            let (constant, reach) = (group.constant, group.constant());
            let host = group.host;
            self.b.func.dfg.insts[constant] = InstructionData::UnaryImm {
                opcode: ClifOpcode::Iconst,
                imm: Imm64::new(reach as i64),
            };
            return (host, distance);
        }
        let descriptor = (tag as i32) << offset::DESCRIPTOR_LOG;
        let segment = self.load_fixed(self.table, descriptor + offset::BASE);
        let (relative, compared) = match kind {
            Kind::Guessed => {
                let tags = self.load_fixed(self.table, offset::TAGS + 8 * tag as i32);
                // With another tag this is 2^61 or more, and so above every limit.
                let relative = self.b.ins().isub(value, tags);
                (relative, relative)
            }
            Kind::Indexed => (value, value),
        };
        let compared = match distance {
            0 => compared,
            _ => {
                let distance = self.constant(distance as u64);
                self.b.ins().iadd(compared, distance)
            }
        };
        let mut group = Group {
            kind,
            tag,
            value,
            first: distance,
            reach: u64::from(width),
            constant: Inst::from_u32(0),
            size,
            host: segment,
        };
        let constant = self.constant(group.constant());
        let ValueDef::Result(inst, _) = self.b.func.dfg.value_def(constant) else {
            unreachable!("an instruction made it")
        };
        group.constant = inst;
        let limit = match size {
            Some(_) => constant,
            None => {
                let table = self.limits_of(tag);
                let limit = self.load_fixed(table, descriptor + offset::READ_LIMIT);
                let above = self.b.ins().iadd_imm_s(limit, 1);
                let at_least = self.b.ins().umax(above, constant);
                self.b.ins().isub(at_least, constant)
            }
        };
        if !unchecked::accesses() {
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, compared, limit);
            self.exit_if(is_outside);
        }
        group.host = self.b.ins().iadd(segment, relative);
        if self.region.groups.len() == GROUPS_MAX {
            self.region.groups.remove(0);
        }
        self.region.groups.push(group);
        (group.host, distance)
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
                    let block = self.blocks[end].expect("a region that goes on ends at a target");
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
                let is_fixed = |inst| self.region.groups.iter().all(|g| g.constant != inst);
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
