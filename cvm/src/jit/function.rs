//! Compilation of one function to Cranelift's intermediate form, instruction by instruction.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, ExtFuncData, ExternalName, FuncRef, InstBuilder,
    InstructionData, MemFlagsData, Opcode as ClifOpcode, SigRef, Signature, SourceLoc, TrapCode,
    UserExternalName, Value, ValueDef,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, Variable};
use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::foreign::Scalar;
use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::Tag;

use crate::interp::CodeOptions;
use crate::verify::blocks::{self, Leader};
use crate::verify::body::Body;
use crate::verify::flow::{Depths, UNREACHED};
use crate::verify::frame::Frame;

use super::code::NativeCode;
use super::context::offset;
use super::growth::Growth;
use super::inline::{Inlined, Inlinees, Scope};
use super::plan::{Kind, Local, Plan};
use super::region::Region;
use super::shape::Shape;
use super::site::Site;
use super::value::{self, Builder, Cell, Form, Stack};

/// Never executed: ends a block behind a fault that always happens.
pub(super) const NEVER: TrapCode = TrapCode::unwrap_user(1);

/// Marks loads of memory of C, which the system may refuse.
pub(super) const REFUSED: TrapCode = TrapCode::unwrap_user(2);

/// Types of the arguments and of the result of a C function that takes and gives numbers.
pub(super) type PlainTypes = (Vec<Scalar>, Option<Scalar>);

/// What all functions of a module share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) image: &'a Image,
    pub(super) options: CodeOptions,
    /// Numbers of function types, by index in the types section.
    pub(super) type_numbers: &'a [u32],
    /// Whether the program has a heap: then 64-bit values in memory may well be pointers into it.
    pub(super) uses_heap: bool,
    /// Which calls may let the heap grow.
    pub(super) growth: &'a Growth,
    /// Whether the program asks for C's `errno`.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(super) uses_errno: bool,
    /// By index in the types section: the types of C functions that are called directly.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(super) plain: RefCell<HashMap<u32, Option<PlainTypes>>>,
    /// What else there is of the module's code, if the unit has not all of it.
    pub(super) linked: Option<&'a Linked<'a>>,
}

/// The code that a unit is linked with.
#[derive(Debug)]
pub(super) struct Linked<'a> {
    pub(super) code: &'a NativeCode,
    /// The unit's own functions.
    pub(super) functions: HashSet<u32>,
    /// Types of functions that were called and may have no code, by number.
    returned: Mutex<BTreeMap<u32, FunctionType>>,
}

impl<'a> Linked<'a> {
    pub(super) fn new(code: &'a NativeCode, functions: &[u32]) -> Linked<'a> {
        Linked {
            code,
            functions: functions.iter().copied().collect(),
            returned: Mutex::default(),
        }
    }

    /// The types, by number, for which calls need a way back to the interpreter.
    pub(super) fn take_returned(&self) -> BTreeMap<u32, FunctionType> {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut returned)
    }
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is in the same unit.
    Inside,
    /// Its code is at this address and stays there.
    At(*const u8),
    /// It has no code yet.
    Later,
}

impl Shared<'_> {
    /// How a function is called by name.
    pub(super) fn link(&self, function: u32) -> Link {
        match &self.linked {
            None => Link::Inside,
            Some(linked) if linked.functions.contains(&function) => Link::Inside,
            Some(linked) => linked.code.address(function).map_or(Link::Later, Link::At),
        }
    }

    /// Notes that a function of the type at this index is called which may have no code.
    pub(super) fn note_returned(&self, type_index: u32, function_type: FunctionType) {
        let number = self.type_numbers[type_index as usize];
        if let Some(linked) = self.linked {
            let returned = linked.returned.lock();
            let mut returned = returned.unwrap_or_else(PoisonError::into_inner);
            returned.insert(number, function_type);
        }
    }
}

/// The signature of a function of this type in compiled code: the table, then the arguments.
pub(super) fn signature(function_type: FunctionType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    let params = usize::from(function_type.args) + 1;
    signature.params = vec![AbiParam::new(I64); params];
    signature.returns = vec![AbiParam::new(I64); usize::from(function_type.results)];
    signature
}

/// A private local.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) variable: Variable,
    pub(super) local: Local,
}

/// The function under compilation.
pub(super) struct Lowering<'l, 'a> {
    pub(super) b: Builder<'l>,
    pub(super) shared: &'l Shared<'a>,
    pub(super) body: &'l Body<'a>,
    pub(super) frame: &'l Frame,
    pub(super) depths: &'l Depths,
    pub(super) leaders: &'l [Leader],
    pub(super) plan: &'l Plan,
    pub(super) function_type: FunctionType,
    /// The descriptor table's address.
    pub(super) table: Value,
    /// The same for loads of the heap's limit: a new value wherever the heap may have grown.
    limits: Variable,
    /// The function's stack pointer limit was checked, and its frame in `l:` made: fp and its host address.
    pub(super) local_frame: Option<LocalFrame>,
    pub(super) stack: Stack,
    pub(super) slots: Vec<Slot>,
    pub(super) shape: &'l Shape,
    /// Blocks of the instructions that jumps lead to.
    pub(super) blocks: Vec<Option<Block>>,
    /// Of loop heads: the block through which the loop is entered. What Cranelift moves out of the loop comes to stand
    /// there, and not in a loop in front of this one.
    pub(super) entries: Vec<Option<Block>>,
    /// Private locals that got the result of float arithmetic in this block, but also get other values in the function: here
    /// its NaN need not be canonical yet.
    pub(super) floats: HashMap<u32, Cell>,
    /// Values of 64 bits whose upper half is 0, as far as that is worth knowing.
    pub(super) narrow: HashSet<Value>,
    /// Number and text offset of the instruction under compilation.
    pub(super) number: usize,
    pub(super) at: u32,
    /// `declare` instructions so far.
    pub(super) declared: usize,
    /// Whether nothing but `declare` came before.
    pub(super) fresh: bool,
    /// Memory of the program, and of the machine.
    guest: AliasRegion,
    machine: AliasRegion,
    signatures: HashMap<Signature, SigRef>,
    functions: HashMap<u32, FuncRef>,
    /// The current block has ended, although the next instruction follows.
    pub(super) is_ended: bool,
    /// What is compiled now will hardly ever run.
    pub(super) is_cold: bool,
    /// Checks that several accesses share.
    pub(super) region: Region,
    /// The instruction's place: its text offset, or in an inlined function a number from the text's size on.
    pub(super) place: u32,
    /// Functions that may be inlined.
    pub(super) inlinees: &'l Inlinees<'a>,
    /// The innermost function that is being inlined.
    pub(super) scope: Option<Scope>,
    /// How many functions are being inlined into each other.
    pub(super) levels: usize,
    /// How many instructions were inlined.
    pub(super) copied: usize,
    /// Places of inlined instructions; the first one has this number.
    first_inlined: u32,
    inlined: Vec<Inlined>,
}

/// The function's part of the `l:` segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalFrame {
    /// Offset of the frame in the segment: fp.
    pub(super) fp: Value,
    /// Host address of the frame.
    pub(super) base: Value,
}

/// What is compiled.
pub(super) struct Source<'l, 'a> {
    pub(super) body: &'l Body<'a>,
    pub(super) frame: &'l Frame,
    pub(super) depths: &'l Depths,
    pub(super) leaders: &'l [Leader],
    pub(super) plan: &'l Plan,
    pub(super) shape: &'l Shape,
    pub(super) function_type: FunctionType,
    /// Where it is entered: at its start, or at this instruction, a loop head, with a frame of the interpreter's.
    pub(super) head: Option<usize>,
    pub(super) inlinees: &'l Inlinees<'a>,
    /// Number of the next place of an inlined instruction.
    pub(super) first_inlined: u32,
}

/// The signature of a function that is entered at a loop head: the table, and the address of the frame's cells.
pub(super) fn loop_signature(function_type: FunctionType) -> Signature {
    signature(FunctionType {
        args: 1,
        ..function_type
    })
}

/// Builds a function; gives the places of inlined instructions.
pub(super) fn build<'l, 'a>(
    mut b: FunctionBuilder<'l>,
    shared: &'l Shared<'a>,
    source: Source<'l, 'a>,
    config: cranelift_codegen::isa::TargetFrontendConfig,
) -> Vec<Inlined> {
    let Source {
        body,
        frame,
        depths,
        leaders,
        plan,
        shape,
        function_type,
        head,
        inlinees,
        first_inlined,
    } = source;
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let table = b.block_params(entry)[0];
    let mut region = |user_id, description: &'static str| {
        b.func.dfg.alias_regions.insert(AliasRegionData {
            user_id,
            description: description.into(),
        })
    };
    let (guest, machine) = (region(0, "program"), region(1, "machine"));
    let flags = fixed(machine);
    let nan = b.ins().load(F64, flags, table, offset::NAN);
    let limits = b.declare_var(I64);
    b.def_var(limits, table);
    let single_nan = b.ins().load(F32, flags, table, offset::SINGLE_NAN);
    let mut lowering = Lowering {
        b: Builder {
            inner: b,
            nan,
            single_nan,
        },
        shared,
        body,
        frame,
        depths,
        leaders,
        plan,
        function_type,
        table,
        limits,
        local_frame: None,
        stack: Stack::default(),
        slots: Vec::new(),
        shape,
        blocks: vec![None; body.instructions.len()],
        entries: vec![None; body.instructions.len()],
        floats: HashMap::new(),
        narrow: HashSet::new(),
        number: 0,
        at: body.start,
        declared: 0,
        fresh: head.is_none(),
        guest,
        machine,
        signatures: HashMap::new(),
        functions: HashMap::new(),
        is_ended: false,
        is_cold: false,
        region: Region::default(),
        place: body.start,
        inlinees,
        scope: None,
        levels: 0,
        copied: 0,
        first_inlined,
        inlined: Vec::new(),
    };
    lowering.make_blocks();
    match head {
        None => lowering.prologue(entry),
        Some(head) => lowering.enter_loop(entry, head),
    }
    lowering.body(head.is_none());
    lowering.b.seal_all_blocks();
    lowering.b.inner.finalize(config);
    lowering.inlined
}

/// A field of the machine's that changes.
fn machine_field(machine: AliasRegion) -> MemFlagsData {
    MemFlagsData::new()
        .with_notrap()
        .with_aligned()
        .with_alias_region(Some(machine))
}

/// A field of the machine's that stays as it is while the function runs.
fn fixed(machine: AliasRegion) -> MemFlagsData {
    machine_field(machine).with_readonly().with_can_move()
}

impl Lowering<'_, '_> {
    // ---- instructions in order

    pub(super) fn make_blocks(&mut self) {
        for (number, leader) in self.leaders.iter().enumerate() {
            if leader.target && self.depths.before[number] != UNREACHED {
                self.blocks[number] = Some(self.b.create_block());
                self.entries[number] = leader.loop_head.then(|| self.b.create_block());
            }
        }
    }

    /// The block that an instruction begins, for a jump from another one.
    pub(super) fn block_from(&self, source: usize, target: usize) -> Option<Block> {
        match self.entries[target] {
            Some(entry) if source < target => Some(entry),
            _ => self.blocks[target],
        }
    }

    pub(super) fn body(&mut self, mut falls_in: bool) {
        for number in 0..self.body.instructions.len() {
            let (_, instruction) = self.body.instructions[number];
            let depth = self.depths.before[number];
            // Entered at a loop head, a function has instructions that nothing leads to any more.
            let is_dead = !falls_in && self.blocks[number].is_none();
            if depth == UNREACHED || is_dead {
                falls_in = false;
                self.declared += usize::from(instruction.opcode == Opcode::Declare);
                continue;
            }
            let leader = self.leaders[number];
            if let Some(block) = self.blocks[number] {
                if falls_in {
                    self.stack.settle(&mut self.b);
                    let into = self.entries[number].unwrap_or(block);
                    self.b.ins().jump(into, &[]);
                    self.leave_region(number);
                }
                if let Some(entry) = self.entries[number] {
                    self.b.switch_to_block(entry);
                    if !self.shape.is_reached_from_behind(number) {
                        self.b.seal_block(entry);
                    }
                    self.b.ins().jump(block, &[]);
                }
                self.b.switch_to_block(block);
                self.floats.clear();
                if !leader.loop_head && !self.shape.is_reached_from_behind(number) {
                    // Every jump to it stands further up.
                    self.b.seal_block(block);
                }
                self.stack.enter_block(depth);
                self.fresh &= number == 0 && !leader.target;
            }
            if self.blocks[number].is_some() || number == 0 {
                self.enter_region(number);
            }
            self.fresh &= matches!(instruction.opcode, Opcode::Declare | Opcode::Nop);
            self.begin_instruction(number);
            self.step(&instruction);
            falls_in = !self.is_ended;
            if self.is_ended {
                self.leave_region(number + 1);
            }
        }
    }

    /// Compiles an instruction, and notes whether the next one follows in the same block.
    pub(super) fn step(&mut self, instruction: &Instruction<'_>) {
        self.is_ended = !instruction.opcode.flow().falls_through();
        self.instruction(instruction);
    }

    /// What happens before an instruction: fuel and limits.
    pub(super) fn begin_instruction(&mut self, number: usize) {
        let leader = self.leaders[number];
        self.stand_at(number);
        if self.shared.options.metered && leader.block {
            self.charge_fuel(blocks::cost(self.body, self.depths, self.leaders, number));
        }
        if self.shared.options.polled && (leader.loop_head || number == 0) {
            self.poll();
        }
    }

    /// What follows belongs to this instruction.
    pub(super) fn stand_at(&mut self, number: usize) {
        (self.number, self.at) = (number, self.body.instructions[number].0);
        self.place = match &self.scope {
            None => self.at,
            Some(scope) => {
                let (ip, caller) = (self.at, scope.caller());
                self.inlined.push(Inlined { ip, caller });
                self.first_inlined + self.inlined.len() as u32 - 1
            }
        };
        self.b.set_srcloc(SourceLoc::new(self.place));
    }

    /// Instead of a jump to a loop's test, the test.
    pub(super) fn copy_test(&mut self, first: usize, branch: usize) {
        self.stack.settle(&mut self.b);
        self.region.suspend();
        for number in first..=branch {
            self.begin_instruction(number);
            let (_, instruction) = self.body.instructions[number];
            self.instruction(&instruction);
        }
        self.is_ended = true;
    }

    fn instruction(&mut self, instruction: &Instruction<'_>) {
        let opcode = instruction.opcode;
        if self.value(opcode) {
            return;
        }
        if let Some(access) = opcode.access() {
            return self.access(access, instruction.operand);
        }
        match (opcode, instruction.operand) {
            (Opcode::Nop | Opcode::Land, _) => {}
            (Opcode::Declare, _) => self.declare(),
            (
                Opcode::PushB | Opcode::PushW | Opcode::PushD | Opcode::PushUd | Opcode::PushQ,
                Operand::Constant(constant),
            ) => self.stack.push(Cell::constant(constant)),
            (Opcode::PushA, Operand::Pointer(pointer)) => self.push_address(pointer),
            (Opcode::Drop, _) => self.stack.drop_top(1),
            (Opcode::Dup, _) => self.pick(0),
            (Opcode::Over, _) => self.pick(1),
            (Opcode::Pick, Operand::Depth(below)) => self.pick(usize::from(below)),
            (Opcode::Swap, _) => self.rotate(2),
            (Opcode::Rot, _) => self.rotate(3),
            (Opcode::Slide, Operand::Slide { dropped, kept }) => {
                self.slide(usize::from(dropped), usize::from(kept));
            }
            (Opcode::MemCopy | Opcode::MemFill | Opcode::MemCompare, _) => self.bulk(opcode),
            (Opcode::HeapSize, _) => self.heap_size(),
            (Opcode::HeapGrow, _) => self.heap_grow(),
            (_, operand) => self.control(opcode, operand),
        }
    }

    fn pick(&mut self, below: usize) {
        let cell = self.stack.peek(&mut self.b, below);
        self.stack.push(cell);
    }

    /// Moves the deepest of the top `count` operands to the top.
    fn rotate(&mut self, count: usize) {
        let mut cells = self.stack.take(&mut self.b, count);
        cells.rotate_left(1);
        for cell in cells {
            self.stack.push(cell);
        }
    }

    fn slide(&mut self, dropped: usize, kept: usize) {
        if dropped == 0 {
            return;
        }
        let cells = self.stack.take(&mut self.b, kept);
        self.stack.drop_top(dropped);
        for cell in cells {
            self.stack.push(cell);
        }
    }

    /// Zeroes the object of a `declare`, unless it is still zero from the function's start.
    fn declare(&mut self) {
        let number = usize::from(self.function_type.args) + self.declared;
        self.declared += 1;
        if !self.fresh {
            self.zero_object(self.frame.objects[number]);
        }
    }

    // ---- operands

    /// Pops an operand.
    pub(super) fn pop(&mut self) -> Cell {
        self.stack.pop(&mut self.b)
    }

    /// Pops an operand as 64 bits.
    pub(super) fn pop_cell(&mut self) -> Value {
        let cell = self.pop();
        value::cell(&mut self.b, cell)
    }

    /// The 64 bits of an operand.
    pub(super) fn cell(&mut self, cell: Cell) -> Value {
        value::cell(&mut self.b, cell)
    }

    pub(super) fn push_value(&mut self, value: Value) {
        self.stack.push(Cell::new(value));
    }

    pub(super) fn constant(&mut self, value: u64) -> Value {
        self.b.ins().iconst(I64, value as i64)
    }

    // ---- private locals

    pub(super) fn declare_slot(&mut self, number: usize) {
        let local = self.plan.locals[number];
        let variable = self.b.declare_var(match local.kind {
            Kind::Cell => I64,
            Kind::Float => F64,
            Kind::Single => F32,
        });
        self.slots.push(Slot { variable, local });
    }

    pub(super) fn read_slot(&mut self, number: u32) -> Cell {
        if let Some(cell) = self.floats.get(&number) {
            return *cell;
        }
        let Slot { variable, local } = self.slots[number as usize];
        let value = self.b.use_var(variable);
        let cell = Cell::float(local.kind, value, local.lazy).hinted(local.hint);
        match local.narrow {
            true => {
                self.narrow.insert(value);
                cell.bounded(u64::from(u32::MAX))
            }
            false => cell,
        }
    }

    pub(super) fn write_slot(&mut self, number: u32, cell: Cell) {
        let Slot { variable, local } = self.slots[number as usize];
        // Where nothing outside this block reads the local, nothing is left of making the value canonical.
        let value = value::of_kind(&mut self.b, local.kind, cell, !local.lazy);
        self.b.def_var(variable, value);
        match (local.kind, local.lazy, cell.form) {
            (Kind::Float, false, Form::Float { lazy: true, .. })
            | (Kind::Single, false, Form::Single { lazy: true, .. }) => {
                self.floats.insert(number, cell.hinted(local.hint));
            }
            _ => {
                self.floats.remove(&number);
            }
        }
    }

    // ---- memory of the machine and the program

    /// An access to the program's memory, which was checked.
    pub(super) fn guest(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(self.guest))
    }

    /// An access to memory of C, which may be refused.
    pub(super) fn guest_of_c(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_trap_code(Some(REFUSED))
            .with_alias_region(Some(self.guest))
    }

    /// A field of the machine's that changes.
    pub(super) fn machine(&self) -> MemFlagsData {
        machine_field(self.machine)
    }

    pub(super) fn load_field(&mut self, offset: i32) -> Value {
        let flags = self.machine();
        self.b.ins().load(I64, flags, self.table, offset)
    }

    /// The table, for loads of limits of any segment: they hold until the heap may grow.
    pub(super) fn limits(&mut self) -> Value {
        self.b.use_var(self.limits)
    }

    /// The table, for loads of the limit of this segment.
    pub(super) fn limits_of(&mut self, tag: Tag) -> Value {
        match tag {
            Tag::Heap => self.limits(),
            _ => self.table,
        }
    }

    /// The heap may have grown: limits that were loaded before are not used any more.
    pub(super) fn forget_limits(&mut self) {
        let table = self.load_field(offset::TABLE);
        self.b.def_var(self.limits, table);
    }

    pub(super) fn load_fixed(&mut self, address: Value, offset: i32) -> Value {
        let flags = fixed(self.machine);
        self.b.ins().load(I64, flags, address, offset)
    }

    pub(super) fn store_field(&mut self, value: Value, offset: i32) {
        let flags = self.machine();
        self.b.ins().store(flags, value, self.table, offset);
    }

    /// The same out of line. A constant goes from the instruction to memory, not through a register: Cranelift may come to
    /// keep that one in a loop that is left here.
    fn store_rarely(&mut self, value: Value, offset: i32) {
        let dfg = &self.b.func.dfg;
        let constant = match dfg.value_def(value) {
            ValueDef::Result(inst, 0) => match dfg.insts[inst] {
                InstructionData::UnaryImm {
                    opcode: ClifOpcode::Iconst,
                    imm,
                } => Some(imm.bits()),
                _ => None,
            },
            _ => None,
        };
        let Some(bits) = constant.filter(|bits| i32::try_from(*bits).is_err()) else {
            return self.store_field(value, offset);
        };
        for (half, at) in [(bits as u32, 0), ((bits >> 32) as u32, 4)] {
            let half = self.b.ins().iconst(I32, i64::from(half));
            self.store_field(half, offset + at);
        }
    }

    // ---- leaving

    pub(super) fn import_signature(&mut self, signature: Signature) -> SigRef {
        if let Some(known) = self.signatures.get(&signature) {
            return *known;
        }
        let reference = self.b.import_signature(signature.clone());
        self.signatures.insert(signature, reference);
        reference
    }

    pub(super) fn import_function(&mut self, function: u32) -> FuncRef {
        if let Some(known) = self.functions.get(&function) {
            return *known;
        }
        let record = &self.shared.image.functions[function as usize];
        let function_type = self.shared.image.function_type(record).unwrap_or_default();
        let signature = self.import_signature(signature(function_type));
        let name = self
            .b
            .func
            .declare_imported_user_function(UserExternalName {
                namespace: 0,
                index: function,
            });
        let reference = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.functions.insert(function, reference);
        reference
    }

    /// Ends the run at this place. The code behind it never runs, but the block is not ended: if it stays in the
    /// loop that it came from, values that do not change can still leave that loop.
    pub(super) fn raise(&mut self, site: Site, operands: [Value; 3]) {
        let signature = self.import_signature(Signature::new(CallConv::PreserveAll));
        let site = self.constant(site.pack(self.at));
        for (position, value) in (0..).zip([site].into_iter().chain(operands)) {
            self.store_rarely(value, offset::RAISED + 8 * position);
        }
        let stub = self.load_field(offset::RAISE);
        self.b.ins().call_indirect(signature, stub, &[]);
    }

    /// Ends the run at this place if a condition holds. `operands` makes the values of the report.
    pub(super) fn raise_if(
        &mut self,
        condition: Value,
        site: Site,
        operands: impl FnOnce(&mut Self) -> [Value; 3],
    ) {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        if self.is_cold {
            self.b.set_cold_block(next);
        }
        // The block that stays in a loop stands second: only then the loop's other blocks, which Cranelift visits
        // after it, still count as part of the loop.
        self.b.ins().brif(condition, cold, &[], next, &[]);
        self.begin(cold);
        let operands = operands(self);
        self.raise(site, operands);
        self.b.ins().jump(next, &[]);
        self.begin(next);
    }

    /// Switches to a block whose predecessors are all known.
    pub(super) fn begin(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }

    /// Three operands of a report that has none.
    pub(super) fn no_operands(&mut self) -> [Value; 3] {
        [self.constant(0); 3]
    }

    /// Charges a block's units of fuel.
    fn charge_fuel(&mut self, cost: u32) {
        let fuel = self.load_field(offset::FUEL);
        let cost = self.constant(u64::from(cost));
        let is_short = self.b.ins().icmp(IntCC::UnsignedLessThan, fuel, cost);
        self.raise_if(is_short, Site::OutOfFuel, Self::no_operands);
        let left = self.b.ins().isub(fuel, cost);
        self.store_field(left, offset::FUEL);
    }
}
