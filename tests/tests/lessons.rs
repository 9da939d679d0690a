//! What broke other virtual machines, one test for each class that a case file cannot show; `cases/lessons/` has the
//! others.

use std::sync::Arc;

use cvm::host::Host;
use cvm::machine::{Exit, Limits, Machine, MachineError};
use cvm::report::Reporter;
use cvm::verify::{Module, ModuleError, verify};
use cvm_asm::{Options, SourceFile, assemble};
use cvm_spec::codec::encode;
use cvm_spec::fault::FaultCode;
use cvm_spec::image::{Function, FunctionType, Image, reader, writer};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{ShortPointer, Tag};
use cvm_tests::assembly::{Detail, Program};
use cvm_tests::generate::{Style, program};
use cvm_tests::random::Random;

fn image(text: &str) -> Image {
    let program = Program::of_text("lesson.cvma", text.as_bytes().to_vec());
    program.image(Detail::Debug).expect("the program assembles")
}

fn module(text: &str) -> Arc<Module> {
    Arc::new(verify(image(text)).expect("the program is valid"))
}

fn machine(module: &Arc<Module>) -> Machine {
    Machine::new(Arc::clone(module), Host::new(), Limits::default()).expect("it needs nothing")
}

/// Integer overflow in a loader's sums: offset plus size of a section, and of every record that has both.
#[test]
fn sums_in_a_file_that_overflow_are_rejected() {
    let bytes = writer::write(&image(
        ".entry main\n.bss\ncell: .quad 7\n.text\n.func main ()\n ret\n.end\n",
    ));
    // Every 4 and 8 bytes of header and section table, set to values whose sums wrap.
    for at in (8..200).step_by(4) {
        for value in [u64::MAX, u64::MAX - 7, 1 << 63, 0xffff_ffff, 0xffff_fff8] {
            for width in [4, 8] {
                let mut damaged = bytes.clone();
                damaged[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                if let Ok(read) = reader::read(&damaged) {
                    assert_eq!(writer::write(&read.image), damaged, "at {at}");
                }
            }
        }
    }
}

/// Unverified code reaching an engine: an image made by hand whose tables do not fit is no module.
#[test]
fn tables_that_do_not_fit_are_no_module() {
    let good = image(".entry main\n.func main ()\n ret\n.end\n.func f ()\n ret\n.end\n");
    let broken: [fn(&mut Image); 7] = [
        |image| image.functions[1].start = 0,
        |image| image.functions[1].size = 100,
        |image| image.functions[1].size = 0,
        |image| image.functions[0].type_index = 9,
        |image| image.functions.clear(),
        |image| image.entry = Some(1_000),
        |image| image.functions[1].start = u32::MAX,
    ];
    for change in broken {
        let mut image = good.clone();
        change(&mut image);
        assert!(matches!(verify(image), Err(ModuleError::Image(_))));
    }
    assert!(verify(good).is_ok());
}

/// Native stack exhausted by parsing or recursion.
#[test]
fn deep_nesting_in_a_source_is_no_crash() {
    let depth = 100_000;
    let sources = [
        format!(".equ A, {}1{}\n", "(".repeat(depth), ")".repeat(depth)),
        format!(".equ A, {}1\n", "-".repeat(depth)),
        format!(".equ A, {}1\n", "~!".repeat(depth)),
        format!(".equ A, {}1\n", "1 ? ".repeat(depth)),
        format!(".equ A, 1{}\n", " + 1".repeat(depth)),
        format!(".equ A, 1{}\n", " ? 1 : 1".repeat(depth)),
        format!("{}{}", ".if 1\n".repeat(depth), ".endif\n".repeat(depth)),
        format!(
            "{}{}",
            ".repeat 1\n".repeat(depth),
            ".endrepeat\n".repeat(depth)
        ),
        format!("{}{}", ".macro m\n".repeat(depth), ".endm\n".repeat(depth)),
        format!("{}{}", ".struct s\n".repeat(depth), ".end\n".repeat(depth)),
        (0..depth)
            .map(|n| format!(".equ A{n}, A{}\n", n + 1))
            .collect(),
        ".macro m\n m\n.endm\n.data\n m\n".to_string(),
        ".macro m n\n m \\n + 1\n m \\n + 1\n.endm\n.data\n m 0\n".to_string(),
        "[".repeat(depth),
        "a:".repeat(depth),
    ];
    for source in sources {
        let file = SourceFile {
            name: "deep.cvma".into(),
            text: source.into_bytes(),
        };
        let assembled = assemble(&[file], &Options::default());
        assert!(assembled.diagnostics.len() < 1_000_000);
    }
}

/// A function with a hundred thousand branches, forward and backward, is verified and runs without recursion.
#[test]
fn a_long_chain_of_branches_is_no_crash() {
    let mut text = String::from(".entry main\n.func main () -> 1\n declare x\n");
    for n in 0..100_000 {
        text.push_str(&format!(" i_read l:x\n jnz .l{n}\n nop\n.l{n}:\n"));
    }
    text.push_str(" push 3\n ret\n.end\n");
    let mut machine = machine(&module(&text));
    assert_eq!(machine.run().expect("a program"), Exit::Returned(vec![3]));
}

/// Frame walking during a fault: a million frames, and a backtrace of a bounded length that says what it leaves out.
#[test]
fn a_backtrace_of_a_million_frames_is_cut() {
    let module = module(
        ".entry main\n.func f (n)\n i_read l:n\n jz .end_here\n i_read l:n\n push 1\n i_sub\n call f\n ret\n\
         .end_here:\n abort 1\n.end\n.func main ()\n push 1000000\n call f\n ret\n.end\n",
    );
    let limits = Limits {
        call_stack: 256 << 20,
        ..Limits::default()
    };
    let mut machine =
        Machine::new(Arc::clone(&module), Host::new(), limits).expect("memory is reserved");
    let Exit::Fault(fault) = machine.run().expect("a program") else {
        panic!("expected a fault");
    };
    assert_eq!(fault.code, FaultCode::AbortCalled);
    assert!(fault.backtrace.len() <= cvm::fault::BACKTRACE_MAX);
    let (_, omitted) = fault.omitted.expect("most frames are left out");
    assert_eq!(omitted + fault.backtrace.len() as u64, 1_000_002);
    assert_eq!(module.function_name(fault.backtrace[0].function), "f");
    let last = fault.backtrace.last().expect("not empty");
    assert_eq!(module.function_name(last.function), "main");
}

/// The fault reporter itself crashing: debug information of any kind, with names that are no names.
#[test]
fn faults_of_programs_with_odd_debug_information_are_reported() {
    let mut faults = 0;
    for item in 0..400 {
        let mut random = Random::for_item(77, item);
        let image = program(&mut random, Style::Free);
        let module = Arc::new(verify(image).expect("generated programs are valid"));
        let limits = Limits {
            fuel: Some(5_000),
            call_stack: 1 << 16,
            max_heap: 1 << 20,
            ..Limits::default()
        };
        let host = cvm::host::sys::Sys::new(cvm::host::sys::SysOptions::default());
        let mut with_sys = Host::new();
        with_sys.add(host.expect("it opens nothing"));
        let mut machine = Machine::new(Arc::clone(&module), with_sys, limits).expect("small");
        let Exit::Fault(fault) = machine.run().expect("a program") else {
            continue;
        };
        faults += 1;
        let reporter = Reporter::new().image(module.image());
        let text = reporter.fault_text(&fault);
        assert!(text.contains(fault.code.code()));
        let is_clean = |c: char| !c.is_control() || c == '\n';
        assert!(text.chars().all(is_clean), "item {item}: {text:?}");
        let json: serde_json::Value =
            serde_json::from_str(&reporter.fault_json(&fault)).expect("JSON");
        assert_eq!(json["code"], fault.code.code());
    }
    assert!(faults > 50, "only {faults} programs faulted");
}

/// Memory of one instance visible in the next (CVE-2022-39393).
#[test]
fn a_new_machine_sees_nothing_of_the_one_before() {
    let text = ".entry main\n.heap 64K, 1M\n.bss\narea: .reserve 4096\nset: .quad 5\n.text\n\
        .func main () -> 1\n declare sum\n declare locals[64]\n declare i\n\
        .next:\n i_read l:sum\n i_read l:i\n q_read b:area\n i_or\n i_read l:i\n q_read l:locals\n i_or\n\
        i_read l:i\n q_read h:0\n i_or\n i_write l:sum\n\
        i_read l:i\n push 8\n i_add\n i_write l:i\n i_read l:i\n push 512\n i_ult\n jnz .next\n\
        push 1\n heap_grow\n drop\n push h:65536\n i_read\n i_read l:sum\n i_or\n i_write l:sum\n\
        i_read b:set\n push 5\n i_xor\n i_read l:sum\n i_or\n i_write l:sum\n\
        push b:area\n push 0xff\n push 4104\n mem_fill\n push l:locals\n push 0xff\n push 512\n mem_fill\n\
        push h:0\n push 0xff\n push 131072\n mem_fill\n i_read l:sum\n ret\n.end\n";
    let module = module(text);
    for _ in 0..50 {
        let exit = machine(&module).run().expect("a program");
        assert_eq!(exit, Exit::Returned(vec![0]));
    }
}

/// A fault half-way through a bulk operation: nothing has moved.
#[test]
fn a_bulk_operation_that_faults_has_changed_nothing() {
    let text = ".export copy\n.export fill\n.export look\n.bss\nbefore: .reserve 16\nlast: .reserve 16\n.text\n\
        .func copy (to, from, length)\n i_read l:to\n i_read l:from\n i_read l:length\n mem_copy\n ret\n.end\n\
        .func fill (to, byte, length)\n i_read l:to\n i_read l:byte\n i_read l:length\n mem_fill\n ret\n.end\n\
        .func look () -> 4\n i_read b:before\n i_read b:before+8\n i_read b:last\n i_read b:last+8\n ret\n.end\n";
    let module = module(text);
    let mut machine = machine(&module);
    let bss = |offset: u64| (Tag::Bss as u64) << 61 | offset;
    let prepared = machine.call("fill", &[bss(0), 7, 16]).expect("exported");
    assert_eq!(prepared, Exit::Returned(vec![]));
    let before = machine.call("look", &[]).expect("exported");
    let calls = [
        ("copy", [bss(24), bss(0), 9], FaultCode::WriteOutOfBounds),
        ("copy", [bss(16), bss(24), 16], FaultCode::ReadOutOfBounds),
        (
            "copy",
            [bss(8), bss(0), 1 << 40],
            FaultCode::WriteOutOfBounds,
        ),
        ("copy", [bss(16), 0, 8], FaultCode::NullPointer),
        ("fill", [bss(16), 9, 17], FaultCode::WriteOutOfBounds),
        ("fill", [bss(31), 9, u64::MAX], FaultCode::WriteOutOfBounds),
    ];
    for (name, args, code) in calls {
        let exit = machine.call(name, &args).expect("exported");
        assert_eq!(exit.fault_code(), Some(code), "{name} {args:x?}");
        assert_eq!(machine.call("look", &[]).expect("exported"), before);
    }
}

/// A huge request that aborts the host: it is an error, or a fault, and the process goes on.
#[test]
fn huge_requests_are_errors() {
    let program = image(".entry main\n.func main ()\n ret\n.end\n");
    let modest = Limits::default();
    let huge = [
        Limits {
            call_stack: u64::MAX,
            ..modest
        },
        Limits {
            call_stack: 1 << 62,
            ..modest
        },
        Limits {
            max_heap: u64::MAX,
            ..modest
        },
        Limits {
            call_stack: 0,
            ..modest
        },
        Limits {
            max_heap: 0,
            ..modest
        },
    ];
    for limits in huge {
        let module = Arc::new(verify(program.clone()).expect("valid"));
        match Machine::new(module, Host::new(), limits) {
            Ok(mut machine) => drop(machine.run()),
            Err(MachineError::Memory(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let mut large = program;
    large.owns_heap = true;
    large.heap_first = 1 << 36;
    large.heap_largest = 1 << 36;
    let module = Arc::new(verify(large).expect("valid"));
    assert!(matches!(
        Machine::new(module, Host::new(), modest),
        Err(MachineError::Memory(_))
    ));
}

/// A verifier whose ranges are wrong (CVE-2020-27194): around every limit, what it accepts does not fault and what it
/// rejects would.
#[test]
fn the_verifier_accepts_a_constant_access_exactly_if_it_is_inside() {
    for size in 0..20u32 {
        for offset in 0..=size + 9 {
            for opcode in [
                Opcode::IReadA,
                Opcode::FReadA,
                Opcode::IWriteA,
                Opcode::FWriteA,
            ] {
                let inside = offset + 8 <= size;
                check_constant(opcode, Tag::Bss, size, offset, inside);
                let reads = matches!(opcode, Opcode::IReadA | Opcode::FReadA);
                check_constant(opcode, Tag::Data, size, offset, inside && reads);
                // The frame has an object of so many whole cells.
                if size > 0 && size % 8 == 0 {
                    check_constant(opcode, Tag::Local, size, offset, inside);
                }
            }
            let within = offset <= size;
            check_constant(Opcode::PushA, Tag::Bss, size, offset, within);
            check_constant(Opcode::PushA, Tag::Data, size, offset, within);
        }
    }
}

fn check_constant(opcode: Opcode, tag: Tag, size: u32, offset: u32, accepted: bool) {
    let mut image = Image::default();
    match tag {
        Tag::Bss => image.bss_size = size,
        Tag::Data => image.data = vec![1; size as usize],
        _ => encode(&mut image.text, Opcode::Declare, u64::from(size / 8)),
    }
    let pointer = ShortPointer::new(tag, offset).expect("small");
    let writes = matches!(opcode, Opcode::IWriteA | Opcode::FWriteA);
    if writes {
        encode(&mut image.text, Opcode::PushB, 1);
    }
    encode(&mut image.text, opcode, u64::from(pointer.0));
    if !writes {
        encode(&mut image.text, Opcode::Drop, 0);
    }
    encode(&mut image.text, Opcode::Ret, 0);
    let type_index = image.intern_type(FunctionType::default());
    image.functions.push(Function {
        start: 0,
        size: image.text.len() as u32,
        type_index,
    });
    image.entry = Some(0);
    let verified = verify(image);
    let what = format!("{} {pointer} of {size} bytes", opcode.mnemonic());
    assert_eq!(verified.is_ok(), accepted, "{what}: {verified:?}");
    if let Ok(module) = verified {
        let exit = machine(&Arc::new(module)).run().expect("a program");
        assert_eq!(exit, Exit::Returned(vec![]), "{what}");
    }
}
