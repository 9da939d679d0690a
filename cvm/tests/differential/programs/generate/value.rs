//! Constants, stack shuffles, and what computes.

use cvm_spec::codec::shortest_push;
use cvm_spec::isa::{Effect, Flow, Opcode, OperandKind, ROWS};

use super::body::Body;

/// Integers at the edges of the widths.
const EDGES: [u64; 16] = [
    0,
    1,
    u64::MAX,
    1 << 63,
    (1 << 63) - 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0xffff_ffff_8000_0000,
    32767,
    32768,
    0x80,
    0xff7f,
    63,
    64,
];

/// Floats at the edges of what conversions take, and those that are no numbers.
const FLOATS: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.5,
    2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    18_446_744_073_709_549_568.0,
    2_147_483_648.0,
    2_147_483_647.5,
    -2_147_483_648.9,
    4_294_967_296.0,
    -0.99,
];

/// NaNs of both widths and signs, quiet, signalling, with payloads.
const NANS: [u64; 8] = [
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0xfff8_0000_0000_1234,
    0x7fc0_0000,
    0xffc0_0000,
    0x7f80_0001,
    0xffff_ffff_7fc0_0123,
];

/// What is often joined with what follows it, and what follows.
const INNER: [Opcode; 17] = [
    Opcode::IAdd,
    Opcode::ISub,
    Opcode::IMul,
    Opcode::IShl,
    Opcode::IUshr,
    Opcode::IAnd,
    Opcode::IXor,
    Opcode::DAdd,
    Opcode::DSub,
    Opcode::DMul,
    Opcode::DShl,
    Opcode::DUshr,
    Opcode::DRotl,
    Opcode::DRotr,
    Opcode::FMul,
    Opcode::FAdd,
    Opcode::SMul,
];
const OUTER: [Opcode; 10] = [
    Opcode::IAdd,
    Opcode::ISub,
    Opcode::IOr,
    Opcode::IXor,
    Opcode::DAdd,
    Opcode::DSub,
    Opcode::FAdd,
    Opcode::FSub,
    Opcode::SAdd,
    Opcode::SSub,
];

impl Body<'_, '_> {
    pub(super) fn push(&mut self) {
        let value = self.constant();
        self.push_constant(value);
    }

    pub(super) fn push_constant(&mut self, value: u64) {
        self.plain(shortest_push(value), value);
        self.depth += 1;
    }

    fn constant(&mut self) -> u64 {
        match self.random.below(10) {
            0 => self.random.next(),
            1 => self.random.pick(&EDGES),
            2 => (self.random.below(100) as f64 * 0.75 - 20.0).to_bits(),
            3 => u64::from((self.random.below(100) as f32 * 0.75 - 20.0).to_bits()),
            4 if self.random.one_in(3) => self.random.pick(&NANS),
            4 => self.float(),
            _ => self.random.below(300) as u64,
        }
    }

    fn float(&mut self) -> u64 {
        let float = self.random.pick(&FLOATS);
        match self.random.below(4) {
            0 => self.random.pick(&NANS),
            1 => u64::from((float as f32).to_bits()),
            _ => float.to_bits(),
        }
    }

    /// Makes sure that `count` operands lie above `floor`.
    pub(super) fn need(&mut self, floor: usize, count: usize) {
        while self.depth < floor + count {
            if self.random.one_in(2) && !self.objects.is_empty() {
                self.read_local();
            } else {
                self.push();
            }
        }
    }

    pub(super) fn compute(&mut self, floor: usize) {
        match self.random.below(24) {
            0..=5 => return self.push(),
            6 => return self.convert(floor),
            7 | 8 => return self.chain(),
            10 if self.random.one_in(8) => return self.divide(),
            9 if self.random.one_in(2) => return self.choose_float(),
            _ => {}
        }
        let rows: Vec<_> = ROWS.iter().filter(|row| is_pure(row.opcode)).collect();
        let mut row = rows[self.random.below(rows.len())];
        while !row.faults.is_empty() && !self.random.one_in(30) {
            row = rows[self.random.below(rows.len())];
        }
        self.fixed(row.opcode, floor);
    }

    /// Two functions of which one takes the other's result, as engines like to join them.
    fn chain(&mut self) {
        let first = self.random.pick(&INNER);
        let second = self.random.pick(&OUTER);
        let other_is_left = self.random.one_in(2);
        if other_is_left {
            self.read_local();
        }
        self.read_local();
        if self.random.one_in(2) {
            self.read_local();
        } else {
            let constant =
                self.random
                    .pick(&[1u64, 3, 255, 32767, 32768, 65535, 100_000, 0x7fff_ffff]);
            let negative = self.random.one_in(3);
            self.push_constant(if negative {
                constant.wrapping_neg()
            } else {
                constant
            });
        }
        self.plain(first, 0);
        if !other_is_left {
            self.read_local();
        }
        self.plain(second, 0);
        self.depth -= 2;
    }

    /// A result of arithmetic or the exact bits of another float, as a local says.
    fn choose_float(&mut self) {
        let arithmetic = self
            .random
            .pick(&[Opcode::FAdd, Opcode::FMul, Opcode::FSub]);
        let sign = self.random.pick(&[Opcode::FNeg, Opcode::FAbs]);
        let is_first = self.random.one_in(2);
        for is_arithmetic in [is_first, !is_first] {
            let float = match self.random.one_in(2) {
                true => self.random.pick(&NANS),
                false => self.float(),
            };
            self.push_constant(float);
            if is_arithmetic {
                self.read_local();
                self.depth -= 1;
            }
            self.plain(if is_arithmetic { arithmetic } else { sign }, 0);
        }
        self.read_local();
        self.plain(Opcode::Select, 0);
        self.depth -= 2;
    }

    /// A division of numbers at the edges, some of which fault.
    fn divide(&mut self) {
        let least = self.random.pick(&[1 << 63, 1 << 31, 0x1_8000_0000, 7]);
        let divisor = self.random.pick(&[u64::MAX, u64::MAX, 0xffff_ffff, 3, 0]);
        let opcode = self.random.pick(&[
            Opcode::IDiv,
            Opcode::DDiv,
            Opcode::IRem,
            Opcode::DRem,
            Opcode::IUdiv,
            Opcode::DUrem,
        ]);
        self.push_constant(least);
        if self.random.one_in(2) {
            // Not a constant when code is made, which 0 added to it may be.
            self.plain(Opcode::HeapSize, 0);
            self.plain(Opcode::PushB, 3);
            self.plain(Opcode::IUgt, 0);
            self.plain(Opcode::IAdd, 0);
        }
        self.push_constant(divisor);
        self.plain(opcode, 0);
        self.depth -= 1;
    }

    /// A float at an edge, and a conversion that may take it.
    fn convert(&mut self, floor: usize) {
        let saturates = !self.random.one_in(6);
        let conversions: Vec<_> = ROWS
            .iter()
            .filter(|row| row.mnemonic.contains("_to_") && is_pure(row.opcode))
            .filter(|row| row.faults.is_empty() == saturates)
            .map(|row| row.opcode)
            .collect();
        let float = self.float();
        self.push_constant(float);
        if self.random.one_in(3) {
            let opcode =
                self.random
                    .pick(&[Opcode::FNeg, Opcode::FSqrt, Opcode::FAbs, Opcode::SNeg]);
            self.fixed(opcode, floor);
        }
        let opcode = self.random.pick(&conversions);
        self.fixed(opcode, floor);
    }

    pub(super) fn shuffle(&mut self, floor: usize) {
        match self.random.below(7) {
            0 => self.fixed(Opcode::Drop, floor),
            1 => self.fixed(Opcode::Dup, floor),
            2 => self.fixed(Opcode::Swap, floor),
            3 => self.fixed(Opcode::Over, floor),
            4 => self.fixed(Opcode::Rot, floor),
            5 => {
                self.need(floor, 1);
                let below = self.random.below(self.depth.min(5)) as u64;
                self.plain(Opcode::Pick, below);
                self.depth += 1;
            }
            _ => {
                let (dropped, kept) = (self.random.below(3), self.random.below(4));
                self.need(floor, dropped + kept);
                self.plain(Opcode::Slide, dropped as u64 | (kept as u64) << 16);
                self.depth -= dropped;
            }
        }
    }

    /// An instruction with a fixed effect, on operands above `floor`.
    pub(super) fn fixed(&mut self, opcode: Opcode, floor: usize) {
        let (pops, pushes) = opcode.fixed_effect().expect("its effect is fixed");
        self.need(floor, usize::from(pops));
        self.plain(opcode, 0);
        self.depth = self.depth - usize::from(pops) + usize::from(pushes);
    }

    /// Drops or pushes until the depth is this.
    pub(super) fn settle(&mut self, depth: usize) {
        while self.depth > depth {
            self.plain(Opcode::Drop, 0);
            self.depth -= 1;
        }
        while self.depth < depth {
            self.push();
        }
    }
}

/// Pops and pushes cells and does nothing else.
fn is_pure(opcode: Opcode) -> bool {
    let row = opcode.row();
    row.operand == OperandKind::None
        && row.flow == Flow::Next
        && opcode.access().is_none()
        && matches!(row.effect, Effect::Fixed { .. })
        && (opcode.byte() >= 0x60 || opcode == Opcode::Select)
}
