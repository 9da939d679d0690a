//! What is worth knowing about a function before it is compiled: which private locals hold floats, which loads give
//! floats, which segment a pointer probably points into.
//!
//! Cells are untyped, so all of this is a guess by use, and only speed depends on it: every value can be converted to
//! the form that an instruction needs. The one exception is [`Local::lazy`], which is a fact, established by looking
//! at every assignment.

use std::collections::HashMap;

use cvm_spec::arith::{F_NAN, S_NAN};
use cvm_spec::codec::Operand;
use cvm_spec::image::Image;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, Tag};

use crate::verify::blocks::Leader;
use crate::verify::body::Body;
use crate::verify::flow::{Depths, UNREACHED, effect};
use crate::verify::frame::{Frame, Home};

/// The form that a value is kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// 64 bits in an integer register.
    #[default]
    Cell,
    /// A binary64 in a float register.
    Float,
    /// A binary32 in a float register.
    Single,
}

/// A private local.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Local {
    pub(super) kind: Kind,
    /// Every value that it ever gets is the result of float arithmetic or a constant that such arithmetic could
    /// give: so a NaN in it may have any bits as long as nobody looks, and is made canonical then.
    pub(super) lazy: bool,
    /// The upper half of every value that it ever gets is 0. A fact, like `lazy`.
    pub(super) narrow: bool,
    /// The segment that it probably points into.
    pub(super) hint: Option<Tag>,
}

/// What was found out about a function.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By private slot.
    pub(super) locals: Vec<Local>,
    /// Loads, by instruction number, that give a float.
    pub(super) loads: HashMap<usize, Kind>,
}

/// What the calls of a module tell about its functions' arguments, by function number.
pub(super) type ArgumentHints = Vec<Vec<Option<Tag>>>;

/// What a call tells about an argument of the function that it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    pub(super) callee: u32,
    pub(super) position: usize,
    pub(super) tag: Tag,
}

/// How an opcode uses floats: the form of its operands, and of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floats {
    pub(super) takes: Kind,
    pub(super) gives: Kind,
    /// The result's NaN is canonical by definition, so it may be made so later.
    pub(super) lazy: bool,
}

/// The use of floats by an opcode that has any.
pub(super) fn floats(opcode: Opcode) -> Option<Floats> {
    use Kind::{Cell, Float, Single};
    use Opcode::*;
    let (takes, gives, lazy) = match opcode {
        FAdd | FSub | FMul | FDiv | FSqrt | FMin | FMax | FCeil | FFloor | FTrunc | FNearest
        | FFma => (Float, Float, true),
        FAbs | FNeg | FCopysign => (Float, Float, false),
        SAdd | SSub | SMul | SDiv | SSqrt | SMin | SMax | SCeil | SFloor | STrunc | SNearest
        | SFma => (Single, Single, true),
        SAbs | SNeg | SCopysign => (Single, Single, false),
        FEq | FNe | FLt | FLe | FGt | FGe => (Float, Cell, false),
        SEq | SNe | SLt | SLe | SGt | SGe => (Single, Cell, false),
        IToF | UToF | DToF | UdToF => (Cell, Float, true),
        IToS | UToS | DToS | UdToS => (Cell, Single, true),
        FToI | FToU | FToD | FToUd | FToISat | FToUSat | FToDSat | FToUdSat => (Float, Cell, false),
        SToI | SToU | SToD | SToUd | SToISat | SToUSat | SToDSat | SToUdSat => {
            (Single, Cell, false)
        }
        FToS => (Float, Single, true),
        SToF => (Single, Float, true),
        _ => return None,
    };
    Some(Floats { takes, gives, lazy })
}

/// Whether every result of a computing instruction has an upper half of 0.
fn gives_narrow(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(
        opcode,
        DAdd | DSub
            | DMul
            | DDiv
            | DUdiv
            | DRem
            | DUrem
            | DNeg
            | DNot
            | DShl
            | DShr
            | DUshr
            | DRotl
            | DRotr
            | DClz
            | DCtz
            | DPopcnt
            | DSextB
            | DSextW
            | DEqz
            | DEq
            | DNe
            | DLt
            | DLe
            | DGt
            | DGe
            | DUlt
            | DUle
            | DUgt
            | DUge
            | IZextB
            | IZextW
            | IZextD
            | IClz
            | ICtz
            | IPopcnt
            | IEqz
            | IEq
            | INe
            | ILt
            | ILe
            | IGt
            | IGe
            | IUlt
            | IUle
            | IUgt
            | IUge
            | FEq
            | FNe
            | FLt
            | FLe
            | FGt
            | FGe
            | SEq
            | SNe
            | SLt
            | SLe
            | SGt
            | SGe
    )
}

#[derive(Clone, Copy, Debug, Default)]
enum Source {
    #[default]
    Other,
    Local(u32),
    Load {
        number: usize,
        zero_extends_32: bool,
    },
    Constant(u64),
    /// Float arithmetic whose NaN is canonical.
    Arithmetic(Kind),
    /// Other instructions that give a float.
    Bits(Kind),
}

/// Whether the upper half of a value is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Narrow {
    #[default]
    No,
    Yes,
    /// If that is so of this local.
    As(u32),
}

impl Narrow {
    /// Of what has no bits that neither of two values has.
    fn or(self, other: Narrow) -> Narrow {
        match (self, other) {
            (Narrow::Yes, other) => other,
            (one, Narrow::Yes) => one,
            (one, other) if one == other => one,
            _ => Narrow::No,
        }
    }

    /// Of what has no bits that one of two values does not have.
    fn and(self, other: Narrow) -> Narrow {
        match (self, other) {
            (Narrow::Yes, _) | (_, Narrow::Yes) => Narrow::Yes,
            (Narrow::No, other) => other,
            (one, _) => one,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    source: Source,
    narrow: Narrow,
    hint: Option<Tag>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    cell: u32,
    float: u32,
    single: u32,
}

impl Votes {
    fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Cell => self.cell += 1,
            Kind::Float => self.float += 1,
            Kind::Single => self.single += 1,
        }
    }

    fn kind(self) -> Kind {
        if self.float > self.cell && self.float >= self.single {
            Kind::Float
        } else if self.single > self.cell {
            Kind::Single
        } else {
            Kind::Cell
        }
    }
}

/// Looks at a function.
pub(super) struct Planner<'p, 'a> {
    pub(super) image: &'a Image,
    pub(super) body: &'p Body<'a>,
    pub(super) frame: &'p Frame,
    pub(super) depths: &'p Depths,
    pub(super) leaders: &'p [Leader],
    pub(super) function: u32,
    /// Hints about the arguments of all functions.
    pub(super) arguments: &'p ArgumentHints,
    pub(super) uses_heap: bool,
    stack: Vec<Entry>,
    votes: Vec<Votes>,
    writes: Vec<(u32, Entry)>,
    loads: HashMap<usize, Votes>,
    hints: Vec<Option<Tag>>,
    passed: Vec<Passed>,
}

impl<'p, 'a> Planner<'p, 'a> {
    pub(super) fn new(
        image: &'a Image,
        (body, frame, depths): (&'p Body<'a>, &'p Frame, &'p Depths),
        leaders: &'p [Leader],
        function: u32,
        arguments: &'p ArgumentHints,
        uses_heap: bool,
    ) -> Self {
        let slots = frame.slots as usize;
        let mut hints = arguments[function as usize].clone();
        hints.resize(slots, None);
        Planner {
            image,
            body,
            frame,
            depths,
            leaders,
            function,
            arguments,
            uses_heap,
            stack: Vec::new(),
            votes: vec![Votes::default(); slots],
            writes: Vec::new(),
            loads: HashMap::new(),
            hints,
            passed: Vec::new(),
        }
    }

    /// Finds everything out; gives what the calls tell about other functions as well. The first pass gathers the locals'
    /// hints, which the second one uses.
    pub(super) fn plan(mut self) -> (Plan, Vec<Passed>) {
        self.walk();
        self.votes.fill(Votes::default());
        self.writes.clear();
        self.loads.clear();
        self.passed.clear();
        self.walk();
        let args = self.arguments[self.function as usize].len();
        let mut locals: Vec<Local> = self
            .votes
            .iter()
            .zip(&self.hints)
            .enumerate()
            .map(|(slot, (votes, hint))| Local {
                kind: votes.kind(),
                lazy: votes.kind() != Kind::Cell && slot >= args,
                narrow: votes.kind() == Kind::Cell && slot >= args,
                hint: *hint,
            })
            .collect();
        self.keep_cells_whole(&mut locals, args);
        loop {
            let mut changed = false;
            for (slot, value) in &self.writes {
                let local = locals[*slot as usize];
                let is_narrow = match value.narrow {
                    Narrow::No => false,
                    Narrow::Yes => true,
                    Narrow::As(from) => locals[from as usize].narrow,
                };
                if local.narrow && !is_narrow {
                    locals[*slot as usize].narrow = false;
                    changed = true;
                }
                let fits = match value.source {
                    Source::Arithmetic(kind) => kind == local.kind,
                    Source::Constant(bits) => is_lazy_constant(local.kind, bits),
                    Source::Local(from) => {
                        let from = locals[from as usize];
                        from.lazy && from.kind == local.kind
                    }
                    _ => false,
                };
                if local.lazy && !fits {
                    locals[*slot as usize].lazy = false;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        for (slot, value) in &self.writes {
            if let Source::Load { number, .. } = value.source {
                let kind = locals[*slot as usize].kind;
                self.loads.entry(number).or_default().add(kind);
            }
        }
        let loads = self.loads.iter();
        let loads = loads
            .map(|(number, votes)| (*number, votes.kind()))
            .filter(|(_, kind)| *kind != Kind::Cell)
            .collect();
        (Plan { locals, loads }, self.passed)
    }

    /// A local is kept as binary32 only if nothing with upper bits is ever assigned to it.
    fn keep_cells_whole(&self, locals: &mut [Local], args: usize) {
        for local in &mut locals[..args] {
            if local.kind == Kind::Single {
                *local = Local {
                    hint: local.hint,
                    ..Local::default()
                };
            }
        }
        loop {
            let mut changed = false;
            for (slot, value) in &self.writes {
                let fits = match value.source {
                    Source::Arithmetic(kind) | Source::Bits(kind) => kind == Kind::Single,
                    Source::Constant(bits) => bits >> 32 == 0,
                    Source::Local(from) => locals[from as usize].kind == Kind::Single,
                    Source::Load {
                        zero_extends_32, ..
                    } => zero_extends_32,
                    Source::Other => false,
                };
                let local = &mut locals[*slot as usize];
                if local.kind == Kind::Single && !fits {
                    *local = Local {
                        hint: local.hint,
                        ..Local::default()
                    };
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    fn walk(&mut self) {
        self.stack.clear();
        let mut falls_in = false;
        for number in 0..self.body.instructions.len() {
            let depth = self.depths.before[number];
            if depth == UNREACHED {
                falls_in = false;
                continue;
            }
            if self.leaders[number].target || !falls_in {
                self.stack.clear();
            }
            self.instruction(number);
            falls_in = self.body.instructions[number]
                .1
                .opcode
                .flow()
                .falls_through();
        }
    }

    /// Operands below what this block pushed are unknown.
    fn pop(&mut self) -> Entry {
        self.stack.pop().unwrap_or_default()
    }

    fn push(&mut self, source: Source, hint: Option<Tag>) {
        let narrow = match source {
            Source::Constant(bits) if bits >> 32 == 0 => Narrow::Yes,
            Source::Local(slot) => Narrow::As(slot),
            _ => Narrow::No,
        };
        self.stack.push(Entry {
            source,
            narrow,
            hint,
        });
    }

    /// An operand is used in this form.
    fn used(&mut self, entry: Entry, kind: Kind) {
        match entry.source {
            Source::Local(slot) => self.votes[slot as usize].add(kind),
            Source::Load { number, .. } => self.loads.entry(number).or_default().add(kind),
            _ => {}
        }
    }

    fn instruction(&mut self, number: usize) {
        let (_, instruction) = self.body.instructions[number];
        let opcode = instruction.opcode;
        if let Some(access) = opcode.access() {
            return self.access(number, opcode, instruction.operand, access.indexed);
        }
        match (opcode, instruction.operand) {
            (_, Operand::Constant(value)) => {
                let hint = data_tag(Pointer(value).tag());
                self.push(Source::Constant(value), hint);
            }
            (Opcode::PushA, Operand::Pointer(pointer)) => {
                let source = match pointer.tag() {
                    Tag::Local => Source::Other,
                    _ => Source::Constant(pointer.widen().0),
                };
                self.push(source, data_tag(pointer.tag()));
            }
            (Opcode::Dup, _) => self.pick(0),
            (Opcode::Over, _) => self.pick(1),
            (Opcode::Pick, Operand::Depth(below)) => self.pick(usize::from(below)),
            (Opcode::Swap, _) => self.rotate(2, 1),
            (Opcode::Rot, _) => self.rotate(3, 1),
            (Opcode::Slide, Operand::Slide { dropped, kept }) => {
                let (dropped, kept) = (usize::from(dropped), usize::from(kept));
                let known = self.stack.len();
                let top = self.stack.split_off(known.saturating_sub(kept));
                self.stack
                    .truncate(self.stack.len().saturating_sub(dropped));
                self.stack.extend(top);
            }
            (Opcode::IAdd | Opcode::ISub, _) => {
                let (b, a) = (self.pop(), self.pop());
                self.used(a, Kind::Cell);
                self.used(b, Kind::Cell);
                self.push(Source::Other, a.hint.or(b.hint));
            }
            (Opcode::Select, _) => {
                let (condition, b, a) = (self.pop(), self.pop(), self.pop());
                self.used(condition, Kind::Cell);
                let of = |entry: Entry| match entry.source {
                    Source::Arithmetic(kind) | Source::Bits(kind) => Some(kind),
                    _ => None,
                };
                let source = of(a).or(of(b)).map_or(Source::Other, Source::Bits);
                self.stack.push(Entry {
                    source,
                    narrow: a.narrow.or(b.narrow),
                    hint: a.hint.or(b.hint),
                });
            }
            (Opcode::IAnd | Opcode::IOr | Opcode::IXor, _) => {
                let (b, a) = (self.pop(), self.pop());
                self.used(a, Kind::Cell);
                self.used(b, Kind::Cell);
                self.stack.push(Entry {
                    narrow: match opcode {
                        Opcode::IAnd => a.narrow.and(b.narrow),
                        _ => a.narrow.or(b.narrow),
                    },
                    ..Entry::default()
                });
            }
            (Opcode::Drop, _) => {
                self.pop();
            }
            (Opcode::Call, Operand::Index(index)) => self.call(number, Some(index)),
            _ => self.call(number, None),
        }
    }

    /// An instruction with a plain stack effect; a direct call tells about the callee's arguments.
    fn call(&mut self, number: usize, callee: Option<u32>) {
        let (_, instruction) = self.body.instructions[number];
        let opcode = instruction.opcode;
        let record = &self.image.functions[self.function as usize];
        let function_type = self.image.function_type(record).unwrap_or_default();
        let (pops, pushes) = effect(self.image, function_type, opcode, instruction.operand);
        let floats = floats(opcode);
        for position in (0..pops as usize).rev() {
            let entry = self.pop();
            self.used(entry, floats.map_or(Kind::Cell, |floats| floats.takes));
            if let (Some(callee), Some(tag)) = (callee, entry.hint) {
                self.passed.push(Passed {
                    callee,
                    position,
                    tag,
                });
            }
        }
        let source = match floats {
            Some(floats) if floats.lazy => Source::Arithmetic(floats.gives),
            Some(floats) if floats.gives != Kind::Cell => Source::Bits(floats.gives),
            _ => Source::Other,
        };
        let narrow = match gives_narrow(opcode) {
            true => Narrow::Yes,
            false => Narrow::No,
        };
        for _ in 0..pushes {
            self.stack.push(Entry {
                source,
                narrow,
                hint: None,
            });
        }
    }

    fn access(&mut self, number: usize, opcode: Opcode, operand: Operand<'_>, indexed: bool) {
        let is_float = matches!(
            opcode,
            Opcode::FRead | Opcode::FReadA | Opcode::FWrite | Opcode::FWriteA
        );
        let access = opcode.access().expect("the caller asked");
        let private = match operand {
            Operand::Pointer(pointer) if pointer.tag() == Tag::Local && !indexed => {
                self.slot_at(pointer.offset())
            }
            _ => None,
        };
        if access.write {
            let value = self.pop();
            if let Some(slot) = private {
                self.assign(slot, value, is_float);
                return;
            }
            if is_float {
                self.used(value, Kind::Float);
            }
        }
        if indexed {
            let offset = self.pop();
            self.used(offset, Kind::Cell);
        }
        if !access.immediate {
            let base = self.pop();
            self.used(base, Kind::Cell);
        }
        if access.write {
            return;
        }
        match private {
            Some(slot) => {
                if is_float {
                    self.votes[slot as usize].add(Kind::Float);
                }
                let hint = self.hints[slot as usize];
                self.push(Source::Local(slot), hint);
            }
            None => {
                let kind = if is_float { Kind::Float } else { Kind::Cell };
                if kind == Kind::Float {
                    self.loads.entry(number).or_default().add(kind);
                }
                let hint = (self.uses_heap && access.width == 8).then_some(Tag::Heap);
                let zero_extends_32 = access.width == 4 && !access.signed;
                let source = Source::Load {
                    number,
                    zero_extends_32,
                };
                let is_narrow = access.width <= 4 && !access.signed;
                self.stack.push(Entry {
                    source,
                    narrow: if is_narrow { Narrow::Yes } else { Narrow::No },
                    hint,
                });
            }
        }
    }

    fn assign(&mut self, slot: u32, value: Entry, is_float: bool) {
        let votes = &mut self.votes[slot as usize];
        if is_float {
            votes.add(Kind::Float);
        }
        match value.source {
            Source::Arithmetic(kind) | Source::Bits(kind) => votes.add(kind),
            Source::Other => votes.add(Kind::Cell),
            Source::Local(_) | Source::Load { .. } | Source::Constant(_) => {}
        }
        self.writes.push((slot, value));
        let hint = &mut self.hints[slot as usize];
        *hint = hint.or(value.hint);
    }

    fn slot_at(&self, offset: u32) -> Option<u32> {
        let object = self.frame.containing(offset)?;
        match self.frame.objects[object].home {
            Home::Slot(slot) => Some(slot),
            Home::Address(_) => None,
        }
    }

    fn pick(&mut self, below: usize) {
        let position = self.stack.len().checked_sub(below + 1);
        let entry = position.map(|position| self.stack[position]);
        self.stack.push(entry.unwrap_or_default());
    }

    fn rotate(&mut self, count: usize, by: usize) {
        while self.stack.len() < count {
            self.stack.insert(0, Entry::default());
        }
        let first = self.stack.len() - count;
        self.stack[first..].rotate_left(by);
    }
}

/// Whether float arithmetic can give these bits.
fn is_lazy_constant(kind: Kind, bits: u64) -> bool {
    match kind {
        Kind::Cell => false,
        Kind::Float => !f64::from_bits(bits).is_nan() || bits == F_NAN,
        Kind::Single => {
            bits >> 32 == 0 && (!f32::from_bits(bits as u32).is_nan() || bits == u64::from(S_NAN))
        }
    }
}

/// The tag, if memory can be reached through it.
fn data_tag(tag: Tag) -> Option<Tag> {
    matches!(tag, Tag::Data | Tag::Bss | Tag::Local | Tag::Heap).then_some(tag)
}
