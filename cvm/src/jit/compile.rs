//! A unit to machine code: every function through Cranelift, then one piece of executable memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::catch_unwind;
use std::ptr;
use std::time::{Duration, Instant};

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, ExternalName, Function, InstBuilder, LibCall, MemFlagsData, Signature, UserFuncName,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::Opcode;

use crate::interp::CodeOptions;
use crate::interp::translate::TypeNumbers;
use crate::verify::blocks::{self, Leader};
use crate::verify::body::Body;
use crate::verify::flow::Depths;
use crate::verify::frame::Frame;

use super::absolute;
use super::choose::Unit;
use super::code::{CodeUnit, NativeCode, Piece, Symbol};
use super::control;
use super::function::{self, Linked, Shared, Source};
use super::growth::Growth;
use super::inline::{INLINE_BYTES_MAX, Inlined, Inlinee, Inlinees};
use super::memory::CodeMemory;
use super::placement::{self, LINE};
use super::plan::{ArgumentHints, Plan, Planner};
use super::shape::Shape;
use super::{CompileError, libcalls, size};

/// In place of an argument count: the adapter of a loop entry.
pub(super) const LOOP: u16 = u16::MAX;

/// A place that gets an address when everything has one.
struct Fixup {
    at: usize,
    kind: Reloc,
    target: Target,
    addend: i64,
}

enum Target {
    Function(u32),
    Library(LibCall),
}

/// Code of a module on its way into memory.
#[derive(Default)]
struct Assembly {
    bytes: Vec<u8>,
    fixups: Vec<Fixup>,
    /// Place of the call that returns to a code offset, ascending.
    calls: Vec<(u32, u32)>,
    /// Places of inlined instructions.
    inlined: Vec<Inlined>,
    symbols: Vec<Symbol>,
    places: Vec<(u32, u32)>,
    /// Loads that the system may refuse, and their lengths, ascending.
    refusable: Vec<(u32, u8)>,
    /// Code offset of each function that was compiled.
    starts: HashMap<u32, u32>,
    /// Code offset of the function that is entered at a loop head.
    loop_start: Option<u32>,
    adapters: HashMap<(u16, u16), u32>,
    returners: Vec<(u32, u32)>,
}

/// What the calls of a verified image tell about its functions' arguments.
pub(super) fn find_hints(image: &Image) -> Hints {
    Loaded::default().hints(image)
}

/// Compiles a unit. Its calls of other functions go by way of `linked`; without that it has every function. A panic of the
/// compiler is a failure like any other: whoever asked can go on without code.
pub(super) fn compile_unit(
    image: &Image,
    options: CodeOptions,
    unit: &Unit,
    hints: &Hints,
    linked: Option<&NativeCode>,
) -> Result<CodeUnit, CompileError> {
    catch_unwind(|| try_unit(image, options, unit, hints, linked))
        .unwrap_or(Err(CompileError::Panic))
}

fn try_unit(
    image: &Image,
    options: CodeOptions,
    unit: &Unit,
    hints: &Hints,
    linked: Option<&NativeCode>,
) -> Result<CodeUnit, CompileError> {
    let all = || {
        unit.functions
            .iter()
            .chain(unit.head.iter().map(|(f, _)| f))
    };
    for number in all() {
        size::check_text(image, *number)?;
    }
    let linked = linked.map(|code| Linked {
        code,
        functions: unit.functions.iter().copied().collect(),
    });
    let mut compiler = Compiler::new(image, options, hints.clone(), linked)?;
    compiler.check_sizes(all())?;
    compiler.find_inlinees(all());
    for number in &unit.functions {
        compiler.function(*number)?;
        compiler.adapter(compiler.function_type(*number))?;
    }
    if let Some((function, head)) = unit.head {
        compiler.loop_entry(function, head)?;
    }
    compiler.returners()?;
    compiler.finish()
}

/// Numbers of function types, by index in the types section: equal types have equal numbers.
pub(super) fn type_numbers(image: &Image) -> Vec<u32> {
    let mut types = TypeNumbers::default();
    (0..image.types.len() as u32)
        .map(|index| types.number(image, index))
        .collect()
}

/// What Cranelift makes of a function, before and after its optimisations, for tests.
#[cfg(test)]
pub(super) fn inspect(
    image: &Image,
    function: u32,
    options: CodeOptions,
) -> Result<(String, String), CompileError> {
    let mut compiler = Compiler::new(image, options, find_hints(image), None)?;
    compiler.build(function, None)?;
    let before = compiler.context.func.display().to_string();
    let mut control = ControlPlane::default();
    compiler
        .context
        .optimize(&*compiler.isa, &mut control)
        .map_err(|error| CompileError::Function {
            function,
            message: error.to_string(),
        })?;
    Ok((before, compiler.context.func.display().to_string()))
}

struct Compiler<'a> {
    isa: OwnedTargetIsa,
    shared: Shared<'a>,
    context: Context,
    builder: FunctionBuilderContext,
    loaded: Loaded<'a>,
    hints: Hints,
    inlinees: Inlinees<'a>,
    assembly: Assembly,
}

/// What is known about a module's functions from all of its code.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    arguments: ArgumentHints,
    uses_heap: bool,
    growth: Growth,
}

/// A function, decoded.
#[derive(Default)]
pub(super) struct Loaded<'a> {
    pub(super) body: Body<'a>,
    pub(super) frame: Frame,
    pub(super) depths: Depths,
    pub(super) leaders: Vec<Leader>,
    pub(super) shape: Shape,
}

impl<'a> Loaded<'a> {
    /// Decodes a function and finds its frame and depths again; the verifier did not keep them.
    fn load(&mut self, image: &'a Image, number: u32) -> FunctionType {
        let record = &image.functions[number as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        self.body
            .decode(&image.text, number, record)
            .and_then(|()| self.frame.lay_out(&self.body, number, function_type.args))
            .and_then(|()| {
                self.depths
                    .compute(image, &self.body, number, function_type, self.frame.slots)
            })
            .expect("the module was verified");
        self.leaders = blocks::leaders(&self.body, &self.depths);
        self.shape = Shape::find(&self.body, &self.depths, &mut self.leaders);
        function_type
    }

    fn plan(&self, image: &'a Image, number: u32, hints: &mut Hints) -> Plan {
        Planner::new(
            image,
            (&self.body, &self.frame, &self.depths),
            &self.leaders,
            number,
            &mut hints.arguments,
            hints.uses_heap,
        )
        .plan()
    }

    /// Looks at all functions, twice: the second time with what the first found out about arguments.
    fn hints(&mut self, image: &'a Image) -> Hints {
        let args = |record| image.function_type(record).unwrap_or_default().args;
        let mut hints = Hints {
            arguments: image
                .functions
                .iter()
                .map(|record| vec![None; usize::from(args(record))])
                .collect(),
            uses_heap: image.owns_heap,
            growth: Growth::find(image, &type_numbers(image)),
        };
        for _ in 0..2 {
            for number in 0..image.functions.len() as u32 {
                self.load(image, number);
                let mut instructions = self.body.instructions.iter();
                hints.uses_heap |= instructions.any(|(_, i)| i.opcode == Opcode::HeapGrow);
                self.plan(image, number, &mut hints);
            }
        }
        hints
    }
}

impl<'a> Compiler<'a> {
    fn new(
        image: &'a Image,
        options: CodeOptions,
        hints: Hints,
        linked: Option<Linked<'a>>,
    ) -> Result<Self, CompileError> {
        Ok(Compiler {
            isa: host()?,
            shared: Shared {
                image,
                options,
                type_numbers: type_numbers(image),
                uses_heap: hints.uses_heap,
                growth: hints.growth.clone(),
                uses_errno: uses_errno(image),
                plain: RefCell::default(),
                linked,
                returned: RefCell::default(),
            },
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            loaded: Loaded::default(),
            hints,
            inlinees: Inlinees::new(),
            assembly: Assembly::default(),
        })
    }

    fn function_type(&self, number: u32) -> FunctionType {
        let record = &self.shared.image.functions[number as usize];
        self.shared.image.function_type(record).unwrap_or_default()
    }

    /// Refuses what is too large before anything is compiled, as far as a function's text gives reason to look.
    fn check_sizes<'f>(
        &mut self,
        functions: impl Iterator<Item = &'f u32>,
    ) -> Result<(), CompileError> {
        let image = self.shared.image;
        for number in functions {
            if image.functions[*number as usize].size > size::LOOKED_AT_FIRST {
                self.loaded.load(image, *number);
                size::check(*number, &self.loaded)?;
            }
        }
        Ok(())
    }

    /// Looks for functions that may be inlined.
    fn find_inlinees<'f>(&mut self, functions: impl Iterator<Item = &'f u32>) {
        let image = self.shared.image;
        for number in functions {
            if image.functions[*number as usize].size > INLINE_BYTES_MAX {
                continue;
            }
            let mut loaded = Loaded::default();
            let function_type = loaded.load(image, *number);
            let plan = loaded.plan(image, *number, &mut self.hints);
            if let Some(inlinee) = Inlinee::new(loaded, plan, function_type) {
                self.inlinees.insert(*number, inlinee);
            }
        }
    }

    /// Builds a function in Cranelift's form, to be entered at its start or at a loop head.
    fn build(&mut self, number: u32, head: Option<usize>) -> Result<(), CompileError> {
        let image = self.shared.image;
        let function_type = self.loaded.load(image, number);
        size::check(number, &self.loaded)?;
        let plan = self.loaded.plan(image, number, &mut self.hints);
        let signature = match head {
            None => function::signature(function_type),
            Some(_) => function::loop_signature(function_type),
        };
        self.context.clear();
        self.context.func = Function::with_name_signature(UserFuncName::user(0, number), signature);
        let source = Source {
            body: &self.loaded.body,
            frame: &self.loaded.frame,
            depths: &self.loaded.depths,
            leaders: &self.loaded.leaders,
            plan: &plan,
            shape: &self.loaded.shape,
            function_type,
            head,
            inlinees: &self.inlinees,
            first_inlined: (image.text.len() + self.assembly.inlined.len()) as u32,
        };
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let inlined = function::build(builder, &self.shared, source, self.isa.frontend_config());
        self.assembly.inlined.extend(inlined);
        Ok(())
    }

    fn function(&mut self, number: u32) -> Result<(), CompileError> {
        self.build(number, None)?;
        let start = self.emit(Piece::Function {
            number,
            loop_head: None,
        })?;
        self.assembly.starts.insert(number, start);
        Ok(())
    }

    /// A function that is entered at a loop head, and what passes the frame's cells to it.
    fn loop_entry(&mut self, number: u32, head: usize) -> Result<(), CompileError> {
        self.build(number, Some(head))?;
        let at = self.loaded.body.instructions[head].0;
        let start = self.emit(Piece::Function {
            number,
            loop_head: Some(at),
        })?;
        self.assembly.loop_start = Some(start);
        let function_type = self.function_type(number);
        self.make_adapter(LOOP, function_type)
    }

    /// A function in the system's calling convention that passes cells to a function of this type: (table, code,
    /// cells).
    fn adapter(&mut self, function_type: FunctionType) -> Result<(), CompileError> {
        self.make_adapter(function_type.args, function_type)
    }

    /// The same for `args` arguments, or for a loop entry, which takes the cells themselves.
    fn make_adapter(&mut self, args: u16, function_type: FunctionType) -> Result<(), CompileError> {
        let key = (args, function_type.results);
        if self.assembly.adapters.contains_key(&key) {
            return Ok(());
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(I64); 3];
        self.context.clear();
        self.context.func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let [table, code, cells] = *b.block_params(entry) else {
            unreachable!("the signature has three parameters")
        };
        let flags = MemFlagsData::trusted();
        let mut arguments = vec![table];
        let signature = if args == LOOP {
            arguments.push(cells);
            function::loop_signature(function_type)
        } else {
            for position in 0..i32::from(args) {
                arguments.push(b.ins().load(I64, flags, cells, 8 * position));
            }
            function::signature(function_type)
        };
        let signature = b.import_signature(signature);
        let inst = b.ins().call_indirect(signature, code, &arguments);
        for (position, result) in b.inst_results(inst).to_vec().into_iter().enumerate() {
            b.ins().store(flags, result, cells, 8 * position as i32);
        }
        b.ins().return_(&[]);
        b.finalize(self.isa.frontend_config());
        let start = self.emit(Piece::Adapter)?;
        self.assembly.adapters.insert(key, start);
        Ok(())
    }

    /// For the types of functions that may have no code: functions that compiled code calls in their place.
    fn returners(&mut self) -> Result<(), CompileError> {
        let Some(linked) = &self.shared.linked else {
            return Ok(());
        };
        let code = linked.code;
        for (number, function_type) in self.shared.returned.take() {
            if code.returner(number).is_none() {
                let start = self.returner(function_type)?;
                self.assembly.returners.push((number, start));
            }
        }
        Ok(())
    }

    /// A function of this type that goes back to the interpreter and runs the function there which the context names.
    fn returner(&mut self, function_type: FunctionType) -> Result<u32, CompileError> {
        self.context.clear();
        let signature = function::signature(function_type);
        self.context.func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        control::build_returner(&mut b, function_type);
        b.finalize(self.isa.frontend_config());
        self.emit(Piece::Returner)
    }

    /// Compiles what was built; gives its place.
    fn emit(&mut self, what: Piece) -> Result<u32, CompileError> {
        let failed = |message: String| CompileError::Function {
            function: match what {
                Piece::Function { number, .. } => number,
                Piece::Adapter | Piece::Returner => u32::MAX,
            },
            message,
        };
        let mut control = ControlPlane::default();
        self.context
            .compile(&*self.isa, &mut control)
            .map_err(|error| failed(error.inner.to_string()))?;
        let code = self
            .context
            .compiled_code()
            .expect("the compilation succeeded");
        let assembly = &mut self.assembly;
        let distance = placement::distance(&code.bb_starts, code.code_buffer());
        let line = assembly.bytes.len().next_multiple_of(LINE as usize);
        assembly.bytes.resize(line + distance as usize, 0);
        let start = u32::try_from(assembly.bytes.len())
            .map_err(|_| failed("the module's code is larger than 4 GiB".into()))?;
        assembly.bytes.extend_from_slice(code.code_buffer());
        assembly.symbols.push(Symbol {
            start,
            size: code.code_buffer().len() as u32,
            what,
        });
        for relocation in code.buffer.relocs() {
            let target = match &relocation.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    Target::Function(self.context.func.params.user_named_funcs()[*name].index)
                }
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => {
                    Target::Library(*call)
                }
                other => return Err(failed(format!("it refers to {other:?}"))),
            };
            assembly.fixups.push(Fixup {
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
                assembly.refusable.push((start + trap.offset, length));
            }
        }
        let places = code.buffer.get_srclocs_sorted();
        if self.shared.options.profiled {
            let known = places.iter().filter(|place| !place.loc.is_default());
            let known = known.map(|p| (start + p.start, p.loc.bits()));
            assembly.places.extend(known);
        }
        for call in code.buffer.call_sites() {
            // The place that covers the call instruction's last byte.
            let index = places.partition_point(|place| place.start < call.ret_addr);
            if let Some(place) = index.checked_sub(1).map(|index| &places[index])
                && !place.loc.is_default()
                && call.ret_addr <= place.end
            {
                assembly
                    .calls
                    .push((start + call.ret_addr, place.loc.bits()));
            }
        }
        Ok(start)
    }

    fn finish(self) -> Result<CodeUnit, CompileError> {
        let image = self.shared.image;
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
        } = self.assembly;
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
            text_size: image.text.len(),
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

/// Whether a program asks for C's `errno`.
fn uses_errno(image: &Image) -> bool {
    #[cfg(feature = "ffi")]
    return crate::ffi::uses_errno(image);
    #[cfg(not(feature = "ffi"))]
    {
        let _ = image;
        false
    }
}

/// Cranelift for this computer.
fn host() -> Result<OwnedTargetIsa, CompileError> {
    let failed = |message: String| CompileError::Host { message };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("machine_code_cfg_info", "true"),
        ("preserve_frame_pointers", "true"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("is_pic", "false"),
        ("enable_verifier", if cfg!(test) { "true" } else { "false" }),
    ] {
        flags
            .set(name, value)
            .map_err(|error| failed(error.to_string()))?;
    }
    cranelift_native::builder()
        .map_err(|error| failed(error.to_string()))?
        .finish(settings::Flags::new(flags))
        .map_err(|error| failed(error.to_string()))
}
