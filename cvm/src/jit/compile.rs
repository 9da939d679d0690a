//! A unit to machine code: every function through Cranelift, on several threads if there are many, then one piece of
//! executable memory.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Function, Signature, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cvm_spec::image::{FunctionType, Image};

use crate::interp::CodeOptions;
use crate::interp::translate::TypeNumbers;

use super::assembly::Assembly;
use super::bridge::{self, LOOP};
use super::choose::Unit;
use super::code::{CodeUnit, NativeCode, Piece};
use super::function::{self, Linked, Shared, Source};
use super::hints::{Hints, Loaded};
use super::inline::{INLINE_BYTES_MAX, Inlinee, Inlinees};
use super::{CompileError, size};

/// Bytes of text of functions that one thread compiles in a go, at least.
const PORTION: u32 = 16 << 10;

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
    let head = unit.head.iter().map(|(function, _)| function);
    let all: Vec<u32> = unit.functions.iter().chain(head).copied().collect();
    check_sizes(image, &all)?;
    let linked = linked.map(|code| Linked::new(code, &unit.functions));
    let known = Known {
        image,
        options,
        isa: host()?,
        hints,
        types: type_numbers(image),
        inlinees: find_inlinees(image, all.iter().chain(&unit.small), hints),
        linked: linked.as_ref(),
    };
    let text_size = image.text.len();
    let mut assembly = Assembly::default();
    let mut compiler = Compiler::new(&known);
    let portions = portions(image, &unit.functions);
    match &portions[..] {
        [] => {}
        [functions] => {
            compiler.functions(functions)?;
            assembly = std::mem::take(&mut compiler.assembly);
        }
        _ => {
            for part in compile_portions(&known, &portions)? {
                assembly.append(part, text_size as u32)?;
            }
        }
    }
    compiler.assembly = assembly;
    for number in &unit.functions {
        let function_type = compiler.function_type(*number);
        compiler.adapter(function_type.args, function_type)?;
    }
    if let Some((function, head)) = unit.head {
        compiler.loop_entry(function, head)?;
    }
    compiler.returners()?;
    compiler.assembly.link(text_size)
}

/// Refuses what is too large before anything is compiled, as far as a function's text gives reason to look.
fn check_sizes(image: &Image, functions: &[u32]) -> Result<(), CompileError> {
    let mut loaded = Loaded::default();
    for number in functions {
        size::check_text(image, *number)?;
    }
    for number in functions {
        if image.functions[*number as usize].size > size::LOOKED_AT_FIRST {
            loaded.load(image, *number);
            size::check(*number, &loaded)?;
        }
    }
    Ok(())
}

/// Looks for functions that may be inlined.
fn find_inlinees<'a, 'f>(
    image: &'a Image,
    functions: impl Iterator<Item = &'f u32>,
    hints: &Hints,
) -> Inlinees<'a> {
    let mut inlinees = Inlinees::new();
    for number in functions {
        if image.functions[*number as usize].size > INLINE_BYTES_MAX {
            continue;
        }
        let mut loaded = Loaded::default();
        let function_type = loaded.load(image, *number);
        let plan = loaded.plan(image, *number, hints);
        if let Some(inlinee) = Inlinee::new(loaded, plan, function_type) {
            inlinees.insert(*number, inlinee);
        }
    }
    inlinees
}

/// Functions in portions that are worth a thread's while. What is compiled does not depend on who takes which.
fn portions<'f>(image: &Image, functions: &'f [u32]) -> Vec<&'f [u32]> {
    let mut portions = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (position, number) in functions.iter().enumerate() {
        bytes += image.functions[*number as usize].size;
        if bytes >= PORTION || position + 1 == functions.len() {
            portions.push(&functions[first..=position]);
            (first, bytes) = (position + 1, 0);
        }
    }
    portions
}

/// Compiles portions on as many threads as the system has processors for this process; gives the code of each.
fn compile_portions(known: &Known<'_>, portions: &[&[u32]]) -> Result<Vec<Assembly>, CompileError> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Assembly>>> = Mutex::new(portions.iter().map(|_| None).collect());
    let failed: Mutex<Option<(usize, CompileError)>> = Mutex::default();
    let work = || {
        let mut compiler = Compiler::new(known);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(functions) = portions.get(number) else {
                return;
            };
            let result = compiler.functions(functions);
            let assembly = std::mem::take(&mut compiler.assembly);
            match result {
                Ok(()) => {
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done[number] = Some(assembly);
                }
                Err(error) => {
                    // The others need not begin; of several errors the first portion's counts.
                    next.store(portions.len(), Ordering::Relaxed);
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                        *failed = Some((number, error));
                    }
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads.min(portions.len()) {
            let thread = thread::Builder::new().name("cvm-compiler".into());
            // Without a thread there is less help.
            let _ = thread.spawn_scoped(scope, work);
        }
        work();
    });
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let done: Option<Vec<Assembly>> = done.into_iter().collect();
    done.ok_or(CompileError::Panic)
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
    let hints = super::hints::find_hints(image);
    let known = Known {
        image,
        options,
        isa: host()?,
        hints: &hints,
        types: type_numbers(image),
        inlinees: Inlinees::new(),
        linked: None,
    };
    let mut compiler = Compiler::new(&known);
    compiler.build(function, None)?;
    let before = compiler.context.func.display().to_string();
    let mut control = ControlPlane::default();
    compiler
        .context
        .optimize(&*known.isa, &mut control)
        .map_err(|error| CompileError::Function {
            function,
            message: error.to_string(),
        })?;
    Ok((before, compiler.context.func.display().to_string()))
}

/// What everyone who compiles a part of a unit knows.
struct Known<'a> {
    image: &'a Image,
    options: CodeOptions,
    isa: OwnedTargetIsa,
    hints: &'a Hints,
    types: Vec<u32>,
    inlinees: Inlinees<'a>,
    linked: Option<&'a Linked<'a>>,
}

struct Compiler<'k> {
    known: &'k Known<'k>,
    shared: Shared<'k>,
    context: Context,
    builder: FunctionBuilderContext,
    loaded: Loaded<'k>,
    assembly: Assembly,
}

impl<'k> Compiler<'k> {
    fn new(known: &'k Known<'k>) -> Self {
        Compiler {
            known,
            shared: Shared {
                image: known.image,
                options: known.options,
                type_numbers: &known.types,
                uses_heap: known.hints.uses_heap,
                growth: &known.hints.growth,
                uses_errno: uses_errno(known.image),
                plain: RefCell::default(),
                linked: known.linked,
            },
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            loaded: Loaded::default(),
            assembly: Assembly::default(),
        }
    }

    fn function_type(&self, number: u32) -> FunctionType {
        let record = &self.known.image.functions[number as usize];
        self.known.image.function_type(record).unwrap_or_default()
    }

    /// Builds a function in Cranelift's form, to be entered at its start or at a loop head.
    fn build(&mut self, number: u32, head: Option<usize>) -> Result<(), CompileError> {
        let known = self.known;
        let function_type = self.loaded.load(known.image, number);
        size::check(number, &self.loaded)?;
        let plan = self.loaded.plan(known.image, number, known.hints);
        let signature = match head {
            None => function::signature(function_type),
            Some(_) => function::loop_signature(function_type),
        };
        self.begin(UserFuncName::user(0, number), signature);
        let source = Source {
            body: &self.loaded.body,
            frame: &self.loaded.frame,
            depths: &self.loaded.depths,
            leaders: &self.loaded.leaders,
            plan: &plan,
            shape: &self.loaded.shape,
            function_type,
            head,
            inlinees: &known.inlinees,
            first_inlined: (known.image.text.len() + self.assembly.inlined.len()) as u32,
        };
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let inlined = function::build(builder, &self.shared, source, known.isa.frontend_config());
        self.assembly.inlined.extend(inlined);
        Ok(())
    }

    fn begin(&mut self, name: UserFuncName, signature: Signature) {
        self.context.clear();
        self.context.func = Function::with_name_signature(name, signature);
    }

    fn functions(&mut self, numbers: &[u32]) -> Result<(), CompileError> {
        for number in numbers {
            self.build(*number, None)?;
            let start = self.emit(Piece::Function {
                number: *number,
                loop_head: None,
            })?;
            self.assembly.starts.insert(*number, start);
        }
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
        self.adapter(LOOP, self.function_type(number))
    }

    /// What passes cells to functions of this type, with so many arguments, or to a loop entry.
    fn adapter(&mut self, args: u16, function_type: FunctionType) -> Result<(), CompileError> {
        let key = (args, function_type.results);
        if self.assembly.adapters.contains_key(&key) {
            return Ok(());
        }
        self.begin(UserFuncName::default(), bridge::adapter_signature());
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        bridge::build_adapter(&mut b, args, function_type);
        b.finalize(self.known.isa.frontend_config());
        let start = self.emit(Piece::Adapter)?;
        self.assembly.adapters.insert(key, start);
        Ok(())
    }

    /// What goes back to the interpreter, for the types of functions that may have no code and were called.
    fn returners(&mut self) -> Result<(), CompileError> {
        let Some(linked) = self.known.linked else {
            return Ok(());
        };
        for (number, function_type) in linked.take_returned() {
            if linked.code.returner(number).is_some() {
                continue;
            }
            self.begin(UserFuncName::default(), function::signature(function_type));
            let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
            bridge::build_returner(&mut b, function_type);
            b.finalize(self.known.isa.frontend_config());
            let start = self.emit(Piece::Returner)?;
            self.assembly.returners.push((number, start));
        }
        Ok(())
    }

    /// Compiles what was built; gives its place.
    fn emit(&mut self, what: Piece) -> Result<u32, CompileError> {
        let mut control = ControlPlane::default();
        self.context
            .compile(&*self.known.isa, &mut control)
            .map_err(|error| what.failed(error.inner.to_string()))?;
        let knows_places = self.known.options.profiled;
        self.assembly.add(what, &self.context, knows_places)
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
