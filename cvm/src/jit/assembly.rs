//! Machine code on its way into memory: pieces one after the other, with the places that need addresses.

use std::collections::HashMap;
use std::ptr;
use std::time::{Duration, Instant};

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, LibCall};
use cranelift_codegen::{Context, FinalizedRelocTarget};

use super::absolute;
use super::code::{CodeUnit, Piece, Symbol};
use super::function;
use super::inline::Inlined;
use super::memory::CodeMemory;
use super::placement::{self, LINE};
use super::{CompileError, libcalls};

/// A place that gets an address when everything has one.
#[derive(Debug)]
struct Fixup {
    at: usize,
    kind: Reloc,
    target: Target,
    addend: i64,
}

#[derive(Debug)]
enum Target {
    Function(u32),
    Library(LibCall),
}

/// Code on its way into memory. Offsets are from its beginning, which comes to lie at the start of a cache line.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    fixups: Vec<Fixup>,
    /// Place of the call that returns to a code offset, ascending.
    calls: Vec<(u32, u32)>,
    /// Places of inlined instructions: the first has the text's size as its number.
    pub(super) inlined: Vec<Inlined>,
    symbols: Vec<Symbol>,
    places: Vec<(u32, u32)>,
    /// Loads that the system may refuse, and their lengths, ascending.
    refusable: Vec<(u32, u8)>,
    /// Code offset of each function that was compiled.
    pub(super) starts: HashMap<u32, u32>,
    /// Code offset of the function that is entered at a loop head.
    pub(super) loop_start: Option<u32>,
    pub(super) adapters: HashMap<(u16, u16), u32>,
    pub(super) returners: Vec<(u32, u32)>,
}

impl Assembly {
    /// Adds what was compiled in a context; gives its place. With `knows_places` the place of each instruction is kept.
    pub(super) fn add(
        &mut self,
        what: Piece,
        context: &Context,
        knows_places: bool,
    ) -> Result<u32, CompileError> {
        let failed = |message| what.failed(message);
        let code = context.compiled_code().expect("the compilation succeeded");
        let distance = placement::distance(&code.bb_starts, code.code_buffer());
        let line = self.bytes.len().next_multiple_of(LINE as usize);
        self.bytes.resize(line + distance as usize, 0);
        let start = offset(self.bytes.len())?;
        self.bytes.extend_from_slice(code.code_buffer());
        self.symbols.push(Symbol {
            start,
            size: code.code_buffer().len() as u32,
            what,
        });
        for relocation in code.buffer.relocs() {
            let target = match &relocation.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    Target::Function(context.func.params.user_named_funcs()[*name].index)
                }
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => {
                    Target::Library(*call)
                }
                other => return Err(failed(format!("it refers to {other:?}"))),
            };
            self.fixups.push(Fixup {
                at: start as usize + relocation.offset as usize,
                kind: relocation.kind,
                target,
                addend: relocation.addend,
            });
        }
        for trap in code.buffer.traps() {
            if trap.code == function::REFUSED {
                let load = &code.code_buffer()[trap.offset as usize..];
                let length = absolute::load_length(load)
                    .ok_or_else(|| failed("a load of C memory has an unknown form".into()))?;
                self.refusable.push((start + trap.offset, length));
            }
        }
        let places = code.buffer.get_srclocs_sorted();
        if knows_places {
            let known = places.iter().filter(|place| !place.loc.is_default());
            let known = known.map(|p| (start + p.start, p.loc.bits()));
            self.places.extend(known);
        }
        for call in code.buffer.call_sites() {
            // The place that covers the call instruction's last byte.
            let index = places.partition_point(|place| place.start < call.ret_addr);
            if let Some(place) = index.checked_sub(1).map(|index| &places[index])
                && !place.loc.is_default()
                && call.ret_addr <= place.end
            {
                self.calls.push((start + call.ret_addr, place.loc.bits()));
            }
        }
        Ok(start)
    }

    /// Adds everything of another one, behind what is there. `text_size` is the number of the first inlined place.
    pub(super) fn append(&mut self, other: Assembly, text_size: u32) -> Result<(), CompileError> {
        let line = self.bytes.len().next_multiple_of(LINE as usize);
        offset(line + other.bytes.len())?;
        let shift = line as u32;
        self.bytes.resize(line, 0);
        self.bytes.extend(other.bytes);
        let moved = other.fixups.into_iter().map(|fixup| Fixup {
            at: line + fixup.at,
            ..fixup
        });
        self.fixups.extend(moved);
        let first = self.inlined.len() as u32;
        let place = |place: u32| match place < text_size {
            true => place,
            false => place + first,
        };
        let pair = |(at, of): (u32, u32)| (shift + at, place(of));
        self.calls.extend(other.calls.into_iter().map(pair));
        self.places.extend(other.places.into_iter().map(pair));
        let moved = other.inlined.into_iter().map(|inlined| Inlined {
            caller: place(inlined.caller),
            ..inlined
        });
        self.inlined.extend(moved);
        let moved = other.symbols.into_iter().map(|symbol| Symbol {
            start: shift + symbol.start,
            ..symbol
        });
        self.symbols.extend(moved);
        let moved = other.refusable.into_iter();
        self.refusable
            .extend(moved.map(|(at, length)| (shift + at, length)));
        let moved = other.starts.into_iter();
        self.starts
            .extend(moved.map(|(f, start)| (f, shift + start)));
        Ok(())
    }

    /// Puts the code into memory and fills the addresses in.
    pub(super) fn link(self, text_size: usize) -> Result<CodeUnit, CompileError> {
        let Assembly {
            bytes,
            fixups,
            mut calls,
            inlined,
            symbols,
            places,
            mut refusable,
            starts,
            loop_start,
            adapters,
            returners,
        } = self;
        let mut unknown = None;
        let memory = CodeMemory::new(bytes.len(), |code, base| {
            code.copy_from_slice(&bytes);
            for fixup in &fixups {
                let target = match fixup.target {
                    Target::Function(number) => base as u64 + u64::from(starts[&number]),
                    Target::Library(call) => match libcalls::address(call) {
                        Some(address) => address,
                        None => {
                            unknown = Some(call);
                            continue;
                        }
                    },
                };
                let value = target.wrapping_add_signed(fixup.addend);
                match fixup.kind {
                    Reloc::Abs8 => {
                        code[fixup.at..fixup.at + 8].copy_from_slice(&value.to_le_bytes());
                    }
                    _ => {
                        let from = base as u64 + fixup.at as u64;
                        let distance = value.wrapping_sub(from) as u32;
                        code[fixup.at..fixup.at + 4].copy_from_slice(&distance.to_le_bytes());
                    }
                }
            }
        })
        .map_err(CompileError::Memory)?;
        if let Some(call) = unknown {
            return Err(CompileError::Function {
                function: 0,
                message: format!("there is no library function {call}"),
            });
        }
        calls.sort_unstable();
        refusable.sort_unstable();
        Ok(CodeUnit {
            older: ptr::null_mut(),
            memory,
            calls,
            inlined,
            text_size,
            symbols,
            places,
            refusable,
            starts,
            adapters,
            returners,
            loop_start,
            size: bytes.len(),
            started: Instant::now(),
            time: Duration::ZERO,
        })
    }
}

/// A code offset.
fn offset(bytes: usize) -> Result<u32, CompileError> {
    u32::try_from(bytes).map_err(|_| CompileError::Function {
        function: 0,
        message: "the module's code is larger than 4 GiB".into(),
    })
}
