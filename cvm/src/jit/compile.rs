//! A module to machine code: every function through Cranelift, then one piece of executable memory.

use std::collections::HashMap;
use std::time::Duration;

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

use super::context::Callee;
use super::function::{self, Shared, Source};
use super::memory::CodeMemory;
use super::plan::{ArgumentHints, Plan, Planner};
use super::shape::Shape;
use super::{CompileError, NativeCode, libcalls};

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
    /// Text offset of the call that returns to a code offset, ascending.
    calls: Vec<(u32, u32)>,
    /// Code offset of each function.
    starts: Vec<u32>,
    adapters: HashMap<(u16, u16), u32>,
}

/// Compiles every function of a verified image.
pub(super) fn compile(image: &Image, options: CodeOptions) -> Result<NativeCode, CompileError> {
    let mut compiler = Compiler::new(image, options)?;
    let plans = compiler.plans();
    for (number, plan) in plans.iter().enumerate() {
        compiler.function(number as u32, plan)?;
    }
    for record in &image.functions {
        let function_type = image.function_type(record).unwrap_or_default();
        compiler.adapter(function_type)?;
    }
    compiler.finish()
}

/// What Cranelift makes of a function, before and after its optimisations, for tests.
#[cfg(test)]
pub(super) fn inspect(
    image: &Image,
    function: u32,
    options: CodeOptions,
) -> Result<(String, String), CompileError> {
    let mut compiler = Compiler::new(image, options)?;
    let plans = compiler.plans();
    compiler.build(function, &plans[function as usize]);
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
    body: Body<'a>,
    frame: Frame,
    depths: Depths,
    assembly: Assembly,
    types: TypeNumbers,
}

impl<'a> Compiler<'a> {
    fn new(image: &'a Image, options: CodeOptions) -> Result<Self, CompileError> {
        let mut types = TypeNumbers::default();
        let type_numbers = (0..image.types.len() as u32)
            .map(|index| types.number(image, index))
            .collect();
        Ok(Compiler {
            isa: host()?,
            shared: Shared {
                image,
                options,
                type_numbers,
                uses_heap: image.owns_heap,
            },
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            body: Body::default(),
            frame: Frame::default(),
            depths: Depths::default(),
            assembly: Assembly::default(),
            types,
        })
    }

    /// Decodes a function and finds its frame and depths again; the verifier did not keep them.
    fn load(&mut self, number: u32) -> FunctionType {
        let image = self.shared.image;
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
        function_type
    }

    /// Where blocks begin, and the function's loops.
    fn shape(&self) -> (Vec<Leader>, Shape) {
        let mut leaders = blocks::leaders(&self.body, &self.depths);
        let shape = Shape::find(&self.body, &self.depths, &mut leaders);
        (leaders, shape)
    }

    /// Looks at all functions, twice: the second time with what the first found out about arguments.
    fn plans(&mut self) -> Vec<Plan> {
        let image = self.shared.image;
        let mut arguments: ArgumentHints = image
            .functions
            .iter()
            .map(|record| image.function_type(record).unwrap_or_default().args)
            .map(|args| vec![None; usize::from(args)])
            .collect();
        let mut plans = Vec::new();
        for _ in 0..2 {
            plans.clear();
            for number in 0..image.functions.len() as u32 {
                self.load(number);
                let uses_heap = |(_, instruction): &(u32, cvm_spec::codec::Instruction<'_>)| {
                    instruction.opcode == Opcode::HeapGrow
                };
                self.shared.uses_heap |= self.body.instructions.iter().any(uses_heap);
                let (leaders, _) = self.shape();
                let planner = Planner::new(
                    image,
                    (&self.body, &self.frame, &self.depths),
                    &leaders,
                    number,
                    &mut arguments,
                    self.shared.uses_heap,
                );
                plans.push(planner.plan());
            }
        }
        plans
    }

    /// Builds a function in Cranelift's form.
    fn build(&mut self, number: u32, plan: &Plan) {
        let function_type = self.load(number);
        let (leaders, shape) = self.shape();
        self.context.clear();
        self.context.func = Function::with_name_signature(
            UserFuncName::user(0, number),
            function::signature(function_type),
        );
        let source = Source {
            body: &self.body,
            frame: &self.frame,
            depths: &self.depths,
            leaders: &leaders,
            plan,
            shape: &shape,
            function_type,
        };
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        function::build(builder, &self.shared, source, self.isa.frontend_config());
    }

    fn function(&mut self, number: u32, plan: &Plan) -> Result<(), CompileError> {
        self.build(number, plan);
        let start = self.emit(number)?;
        self.assembly.starts.push(start);
        Ok(())
    }

    /// A function in the system's calling convention that passes cells to a function of this type: (table, code,
    /// cells).
    fn adapter(&mut self, function_type: FunctionType) -> Result<(), CompileError> {
        let key = (function_type.args, function_type.results);
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
        for position in 0..i32::from(function_type.args) {
            arguments.push(b.ins().load(I64, flags, cells, 8 * position));
        }
        let signature = b.import_signature(function::signature(function_type));
        let inst = b.ins().call_indirect(signature, code, &arguments);
        for (position, result) in b.inst_results(inst).to_vec().into_iter().enumerate() {
            b.ins().store(flags, result, cells, 8 * position as i32);
        }
        b.ins().return_(&[]);
        b.finalize(self.isa.frontend_config());
        let start = self.emit(u32::MAX)?;
        self.assembly.adapters.insert(key, start);
        Ok(())
    }

    /// Compiles what was built; gives its place.
    fn emit(&mut self, number: u32) -> Result<u32, CompileError> {
        let failed = |message: String| CompileError::Function {
            function: number,
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
        assembly
            .bytes
            .resize(assembly.bytes.len().next_multiple_of(32), 0);
        let start = u32::try_from(assembly.bytes.len())
            .map_err(|_| failed("the module's code is larger than 4 GiB".into()))?;
        assembly.bytes.extend_from_slice(code.code_buffer());
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
        let places = code.buffer.get_srclocs_sorted();
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

    fn finish(mut self) -> Result<NativeCode, CompileError> {
        let image = self.shared.image;
        let Assembly {
            bytes,
            fixups,
            mut calls,
            starts,
            adapters,
        } = self.assembly;
        let mut unknown = None;
        let memory = CodeMemory::new(bytes.len(), |code, base| {
            code.copy_from_slice(&bytes);
            for fixup in &fixups {
                let target = match fixup.target {
                    Target::Function(number) => base as u64 + u64::from(starts[number as usize]),
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
        let mut entries = vec![0; image.text.len()];
        let nothing = Callee {
            code: std::ptr::null(),
            type_number: u32::MAX - 1,
        };
        let mut callees = vec![nothing];
        for (number, (record, start)) in image.functions.iter().zip(&starts).enumerate() {
            entries[record.start as usize] = number as u32 + 1;
            callees.push(Callee {
                code: memory.at(*start),
                type_number: self.types.number(image, record.type_index),
            });
        }
        Ok(NativeCode {
            memory,
            entries,
            callees,
            calls,
            adapters,
            size: bytes.len(),
            time: Duration::ZERO,
        })
    }
}

/// Cranelift for this computer.
fn host() -> Result<OwnedTargetIsa, CompileError> {
    let failed = |message: String| CompileError::Host { message };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
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
