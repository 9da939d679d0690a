//! Checked foreign memory (`--check-foreign`): what C functions allocate and free is recorded, and wrong uses of it are
//! faults.
//!
//! Known are the results of malloc, calloc, realloc, aligned_alloc, strdup and strndup, and of every function whose
//! signature says `owned`. A block that was freed is kept aside for a while instead of being given back, so that its
//! addresses mean nothing else when they are used again.

#![allow(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;

use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::Scalar;
use cvm_spec::pointer::{Pointer, Tag};

use super::convert::{self, Cause, Failure};
use super::plan::{Kind, Plan, Shape};
use super::{Foreign, inside};
use crate::fault::{Allocation, Fault};
use crate::memory::{AccessKind, Memory, Violation};

/// Most bytes, and most blocks, that are kept aside after they were freed.
const KEPT_BYTES: u64 = 64 << 20;
const KEPT_BLOCKS: usize = 1 << 16;
/// Bytes behind a block in which nothing else can lie: the C library's own.
const BEHIND: u64 = 8;

#[derive(Clone, Debug)]
struct Block {
    size: u64,
    function: String,
    allocated_at: u32,
    freed_at: Option<u32>,
    /// Counts blocks in the order in which they came.
    number: u64,
}

impl Block {
    fn describe(&self, address: u64) -> Allocation {
        Allocation {
            address,
            size: self.size,
            function: self.function.clone(),
            allocated_at: self.allocated_at,
            freed_at: self.freed_at,
        }
    }
}

/// The blocks that a machine knows.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// By address; live and freed ones, which do not overlap.
    blocks: BTreeMap<u64, Block>,
    kept: VecDeque<u64>,
    kept_bytes: u64,
    count: u64,
}

impl Drop for Records {
    fn drop(&mut self) {
        while let Some(address) = self.kept.pop_front() {
            give_back(address);
        }
    }
}

fn give_back(address: u64) {
    // SAFETY: the block was allocated by the C library and the program freed it once; it was only kept aside.
    unsafe { libc::free(address as *mut c_void) };
}

impl Records {
    /// The block that begins at or below an address, and reaches up to it.
    fn block_at(&self, address: u64) -> Option<(u64, &Block)> {
        let (start, block) = self.blocks.range(..=address).next_back()?;
        (address - start <= block.size + BEHIND).then_some((*start, block))
    }

    /// What is known of the memory at an address, for reports.
    pub(crate) fn allocation(&self, address: u64) -> Option<Allocation> {
        self.block_at(address)
            .map(|(start, block)| block.describe(start))
    }

    /// Whether `width` bytes at `address` may be used, which a program reached from `base`.
    pub(crate) fn check(&self, base: u64, address: u64, width: u64) -> Result<(), FaultCode> {
        let known = match self.block_at(base) {
            Some((start, block)) if base <= start + block.size => Some((start, block)),
            _ => self.block_at(address),
        };
        let Some((start, block)) = known else {
            return Ok(());
        };
        if block.freed_at.is_some() {
            let touches = address <= start + block.size;
            return if touches {
                Err(FaultCode::UseAfterFree)
            } else {
                Ok(())
            };
        }
        let fits = address
            .checked_sub(start)
            .is_some_and(|at| at <= block.size && width <= block.size - at);
        if fits {
            Ok(())
        } else {
            Err(FaultCode::OutsideAllocation)
        }
    }

    fn add(&mut self, address: u64, mut block: Block) {
        self.count += 1;
        block.number = self.count;
        // C reused the memory of what it had been given back.
        let end = address.saturating_add(block.size.max(1));
        let stale: Vec<u64> = self
            .blocks
            .range(..end)
            .rev()
            .take_while(|(start, old)| **start + old.size.max(1) > address)
            .map(|(start, _)| *start)
            .collect();
        for start in stale {
            self.blocks.remove(&start);
        }
        self.blocks.insert(address, block);
    }

    /// Notes that a block is freed. With `keep`, the C library does not get it yet.
    fn free(&mut self, address: u64, at: u32, keep: bool) {
        let Some(block) = self.blocks.get_mut(&address) else {
            return;
        };
        block.freed_at = Some(at);
        if !keep {
            return;
        }
        self.kept.push_back(address);
        self.kept_bytes += block.size;
        while self.kept_bytes > KEPT_BYTES || self.kept.len() > KEPT_BLOCKS {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            if let Some(block) = self.blocks.remove(&oldest) {
                self.kept_bytes -= block.size;
            }
            give_back(oldest);
        }
    }

    /// The blocks that were never freed, in the order in which they came.
    pub(crate) fn leaks(&self) -> Vec<Allocation> {
        let live = self
            .blocks
            .iter()
            .filter(|(_, block)| block.freed_at.is_none());
        let mut live: Vec<(&u64, &Block)> = live.collect();
        live.sort_by_key(|(_, block)| block.number);
        live.into_iter()
            .map(|(start, block)| block.describe(*start))
            .collect()
    }

    /// Whether a pointer can be given to a function that frees it; false if nothing is known of it.
    fn check_free(&self, address: u64) -> Result<bool, FaultCode> {
        match self.block_at(address) {
            Some((_, block)) if block.freed_at.is_some() => Err(FaultCode::DoubleFree),
            Some((start, _)) if start == address => Ok(true),
            Some((start, block)) if address < start + block.size => Err(FaultCode::InvalidFree),
            _ => Ok(false),
        }
    }
}

fn refuse(code: FaultCode, address: u64) -> Failure {
    Failure {
        cause: Cause::Violation(Violation {
            code,
            pointer: Pointer(address),
            width: 0,
            kind: AccessKind::Write,
        }),
        message: None,
    }
}

impl Foreign {
    /// Before a call: does what takes the place of a call of `free` and `realloc`, and refuses to free what is not
    /// allocated. None if the call goes on.
    ///
    /// # Safety
    /// The cells are those of the call.
    pub(super) unsafe fn checked_call(
        &self,
        memory: &mut Memory,
        plan: &Plan,
        function: u32,
        cells: *mut u64,
    ) -> Option<Result<(), Failure>> {
        let records = memory.records()?;
        let name = self.symbol_of(function);
        let at = self.position();
        let frees = name == "free" || name == "realloc" || self.is_owner(name);
        if !frees || plan.arg_cells == 0 {
            return None;
        }
        // SAFETY: the call has at least one argument.
        let address = unsafe { *cells };
        if address == 0 {
            return None;
        }
        if Pointer(address).tag() != Tag::Absolute {
            return Some(Err(refuse(FaultCode::InvalidFree, address)));
        }
        match records.check_free(address) {
            Err(code) => return Some(Err(refuse(code, address))),
            Ok(false) => return None,
            Ok(true) => {}
        }
        match name {
            "free" if plan.arg_cells == 1 => {
                records.free(address, at, true);
                Some(Ok(()))
            }
            "realloc" if plan.arg_cells == 2 => {
                // SAFETY: there are two argument cells and a result.
                unsafe {
                    let size = *cells.add(1);
                    *cells = move_block(records, address, size, at);
                }
                Some(Ok(()))
            }
            _ => {
                records.free(address, at, false);
                None
            }
        }
    }

    /// After a call: records what it allocated.
    ///
    /// # Safety
    /// The cells are those of the call, with its result in the first.
    pub(super) unsafe fn note_call(
        &self,
        memory: &mut Memory,
        plan: &Plan,
        function: u32,
        cells: *const u64,
        args: [u64; 2],
    ) {
        let is_pointer = matches!(
            plan.result,
            Shape::One(Kind::Pointer { .. } | Kind::CString)
        );
        if !is_pointer {
            return;
        }
        // SAFETY: a result has a cell.
        let address = unsafe { *cells };
        if address == 0 || Pointer(address).tag() != Tag::Absolute {
            return;
        }
        let name = self.symbol_of(function);
        let size = match name {
            "malloc" => Some(args[0]),
            "calloc" => Some(args[0].saturating_mul(args[1])),
            "realloc" | "aligned_alloc" => Some(args[1]),
            // SAFETY: these functions give a string.
            "strdup" | "strndup" => Some(unsafe { libc::strlen(address as *const _) } as u64 + 1),
            _ if plan.owner.is_some() => Some(match plan.result_length {
                Some(length) => convert::bytes(length, |index| {
                    (
                        Scalar::U64,
                        args.get(usize::from(index)).copied().unwrap_or(0),
                    )
                }),
                None if plan.owner.as_deref() == Some("free") => {
                    // SAFETY: the signature says that free takes it, so the C library allocated it.
                    unsafe { libc::malloc_usable_size(address as *mut c_void) as u64 }
                }
                None => 0,
            }),
            _ => None,
        };
        let at = self.position();
        let function = name.to_string();
        if let (Some(size), Some(records)) = (size, memory.records()) {
            records.add(
                address,
                Block {
                    size,
                    function,
                    allocated_at: at,
                    freed_at: None,
                    number: 0,
                },
            );
        }
    }

    fn symbol_of(&self, function: u32) -> &str {
        match function {
            inside::POINTER => "",
            _ => self.name_of(function).0,
        }
    }

    /// Whether a signature of the program says that this function frees something.
    fn is_owner(&self, name: &str) -> bool {
        self.plans
            .iter()
            .flatten()
            .any(|plan| plan.owner.as_deref() == Some(name))
    }

    /// Text offset of the call that is going on.
    fn position(&self) -> u32 {
        self.engine.get().map_or(0, |engine| {
            // SAFETY: the engine is the one that made the call.
            unsafe { (engine.position)(engine.data) }
        })
    }
}

/// realloc that always moves, so that the old block can be kept aside.
fn move_block(records: &mut Records, address: u64, size: u64, at: u32) -> u64 {
    let Some(old) = records.blocks.get(&address).map(|block| block.size) else {
        return 0;
    };
    let Ok(bytes) = usize::try_from(size) else {
        return 0;
    };
    // SAFETY: the old block is live and has `old` bytes; the new one is fresh and has `size`.
    let new = unsafe {
        let new = libc::malloc(bytes);
        if new.is_null() {
            return 0;
        }
        let common = old.min(size) as usize;
        std::ptr::copy_nonoverlapping(address as *const u8, new.cast(), common);
        new as u64
    };
    records.free(address, at, true);
    records.add(
        new,
        Block {
            size,
            function: "realloc".into(),
            allocated_at: at,
            freed_at: None,
            number: 0,
        },
    );
    new
}

/// The fault of a program that ended without freeing everything.
pub(crate) fn leak_fault(memory: &mut Memory) -> Option<Box<Fault>> {
    let allocations = memory.records()?.leaks();
    let first = allocations.first()?;
    let bytes: u64 = allocations.iter().map(|block| block.size).sum();
    let message = match allocations.len() {
        1 => format!("1 block of {bytes} bytes"),
        count => format!("{count} blocks, {bytes} bytes in all"),
    };
    let mut fault = Fault::new(FaultCode::ForeignLeak);
    fault.registers.ip = first.allocated_at;
    fault.message = Some(message);
    fault.allocations = allocations;
    Some(Box::new(fault))
}
