//! What the compiler's speed rests on, looked at in Cranelift's form: no time is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::Image;

use super::compile::inspect;
use crate::host::Host;
use crate::interp::CodeOptions;
use crate::machine::{Compilation, Engine, Exit, Limits, Machine, Tiering};
use crate::verify::verify;

fn image(source: &str) -> Image {
    let source = cvm_asm::SourceFile {
        name: "test.cvma".into(),
        text: source.as_bytes().to_vec(),
    };
    let assembled = cvm_asm::assemble(&[source], &Default::default());
    let image = assembled.image.expect("the source is right");
    verify(image.clone()).expect("it verifies");
    image
}

/// A function after Cranelift's optimisations, block by block.
struct Code {
    blocks: BTreeMap<String, Block>,
}

#[derive(Default)]
struct Block {
    is_cold: bool,
    lines: Vec<String>,
    successors: BTreeSet<String>,
}

impl Code {
    fn of(source: &str, function: u32) -> Code {
        Self::with(source, function, CodeOptions::default())
    }

    fn with(source: &str, function: u32, options: CodeOptions) -> Code {
        let (_, text) = inspect(&image(source), function, options).expect("it compiles");
        let mut blocks = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines().map(str::trim) {
            let is_head = line.starts_with("block") && line.ends_with(':');
            if is_head {
                current = line
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap_or_default()
                    .to_string();
                let block = Block {
                    is_cold: line.contains(" cold"),
                    ..Block::default()
                };
                blocks.insert(current.clone(), block);
            } else if let Some(block) = blocks.get_mut(&current) {
                let words = line.split(|c: char| !c.is_ascii_alphanumeric());
                let targets = words.filter(|word| word.starts_with("block"));
                block.successors.extend(targets.map(str::to_string));
                block.lines.push(line.to_string());
            }
        }
        Code { blocks }
    }

    /// Lines of the blocks that are run again and again, without those out of line.
    fn loop_lines(&self) -> Vec<&str> {
        let lines = self
            .blocks
            .iter()
            .filter(|(name, block)| !block.is_cold && self.reaches_itself(name))
            .flat_map(|(_, block)| block.lines.iter());
        lines.map(String::as_str).collect()
    }

    fn reaches_itself(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut work: Vec<&String> = self.blocks[name].successors.iter().collect();
        while let Some(next) = work.pop() {
            if next == name {
                return true;
            }
            if seen.insert(next) {
                work.extend(&self.blocks[next].successors);
            }
        }
        false
    }

    /// Lines of all blocks but those out of line.
    fn lines(&self) -> Vec<&str> {
        let blocks = self.blocks.values().filter(|block| !block.is_cold);
        blocks
            .flat_map(|block| block.lines.iter().map(String::as_str))
            .collect()
    }
}

fn count(lines: &[&str], word: &str) -> usize {
    lines.iter().filter(|line| line.contains(word)).count()
}

/// A function with a loop around these instructions, which may use the locals base, i and sum.
fn looping(body: &str) -> String {
    format!(
        ".heap 1M, 1M\n.bss\ntable: .reserve 8192\n.text\n.func work (base, n) -> 1\n declare i\n declare sum\n\
         .next:\n{body}\n i_read l:i\n push 1\n i_add\n i_write l:i\n i_read l:i\n i_read l:n\n i_lt\n jnz .next\n \
         i_read l:sum\n ret\n.end\n.func main () -> 1\n push b:table\n push 10\n call work\n ret\n.end\n.entry main\n"
    )
}

const ADD_TO_SUM: &str = "\n i_read l:sum\n i_add\n i_write l:sum\n";

#[test]
fn a_private_local_is_never_in_memory() {
    let code = Code::of(&looping(&format!(" i_read l:i{ADD_TO_SUM}")), 0);
    assert_eq!(count(&code.lines(), "load"), 0);
    assert_eq!(count(&code.lines(), "store"), 0);
    // Floats, conditions, a local that is declared in the loop, an argument that is written.
    let body = " declare x\n declare s\n f_read l:x\n f_read l:sum\n f_add\n f_write l:x\n f_read l:x\n f_to_s\n \
                i_write l:s\n i_read l:s\n i_read l:base\n i_lt\n jz .skip\n i_read l:n\n i_write l:base\n\
                .skip:\n i_read l:i\n i_read l:base\n i_add\n i_write l:sum";
    let code = Code::of(&looping(body), 0);
    assert_eq!(count(&code.loop_lines(), "load"), 0);
    assert_eq!(count(&code.lines(), "store"), 0);
}

#[test]
fn a_private_local_stays_out_of_memory_beside_one_with_an_address_and_across_calls() {
    let source = ".func f (n) -> 1\n declare buf[2]\n declare x\n i_read l:n\n i_write l:x\n push l:buf\n call f\n \
                  i_read l:x\n i_add\n ret\n.end\n.func main () -> 1\n push 1\n call f\n ret\n.end\n.entry main\n";
    let code = Code::of(source, 0);
    let lines = code.lines();
    // Two cells are set to zero at once, csp and its eight limits are written on the way in and on the way out.
    assert_eq!(count(&lines, "store"), 1 + 2 * 9, "{lines:#?}");
    let without = source.replace("declare x", "nop").replace("l:x", "l:n");
    assert_eq!(count(&Code::of(&without, 0).lines(), "store"), 1 + 2 * 9);
}

#[test]
fn a_constant_address_has_no_check() {
    // Immediate forms, and computed ones whose offset is a constant: reads and writes of every segment that has both.
    for access in [
        "i_read b:x\n drop",
        "i_read d:y\n drop",
        "push 7\n i_write b:x",
        "f_read b:x\n f_write b:x",
        "push 4\n d_read b:x\n drop",
        "push 7\n b_read_s d:y\n drop",
        "push 6\n push 9\n w_write b:x",
        "push b:x\n push 0\n q_read\n drop",
    ] {
        let source = format!(
            ".data\ny: .quad 5\n.bss\nx: .quad 5\n.text\n.func main () -> 1\n {access}\n push 0\n ret\n.end\n.entry \
             main\n"
        );
        let code = Code::of(&source, 0);
        let lines = code.lines();
        assert_eq!(count(&lines, "brif"), 0, "{access}: {lines:#?}");
        assert_eq!(count(&lines, "icmp"), 0, "{access}: {lines:#?}");
    }
}

#[test]
fn a_constant_base_costs_one_compare_with_a_constant() {
    let body = format!(" i_read l:i\n q_read b:table{ADD_TO_SUM}");
    let code = Code::of(&looping(&body), 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "readonly"), 0, "the base leaves the loop");
    assert_eq!(count(&lines, "load"), 1);
    assert_eq!(count(&lines, "brif"), 2, "the check, and the loop");
}

#[test]
fn descriptor_loads_of_the_heap_leave_the_loop() {
    let body = format!(" i_read l:i\n q_read h:0{ADD_TO_SUM}");
    let code = Code::of(&looping(&body), 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "readonly"), 0);
    assert_eq!(count(&lines, "load"), 1);
}

#[test]
fn descriptor_loads_of_a_base_that_does_not_change_leave_the_loop() {
    let body = format!(" i_read l:base\n i_read l:i\n q_read{ADD_TO_SUM}");
    let code = Code::of(&looping(&body), 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "readonly"), 0);
    assert_eq!(count(&lines, "load"), 1);
    assert_eq!(count(&lines, "ushr"), 0, "the tag is taken outside");
}

#[test]
fn they_leave_a_loop_that_is_tested_at_its_top_and_has_branches() {
    let body = format!(
        " i_read l:i\n push 3\n i_and\n jz .skip\n i_read l:base\n i_read l:i\n q_read{ADD_TO_SUM}.skip:\n i_read \
         l:i\n q_read b:table{ADD_TO_SUM} i_read l:i\n q_read h:0{ADD_TO_SUM}"
    );
    let source = looping(&body).replace(
        ".next:",
        ".next:\n i_read l:i\n i_read l:n\n i_ge\n jnz .out\n",
    );
    let source = source.replace(" jnz .next\n", " drop\n jmp .next\n.out:\n");
    let code = Code::of(&source, 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "readonly"), 0, "{lines:#?}");
}

#[test]
fn a_varying_base_needs_no_load_before_its_own() {
    let source = ".heap 1M, 1M\n.func walk (node) -> 1\n declare count\n.next:\n i_read l:count\n push 1\n i_add\n \
                  i_write l:count\n i_read l:node\n push 8\n q_read\n i_write l:node\n i_read l:node\n jnz .next\n \
                  i_read l:count\n ret\n.end\n.func main () -> 1\n push h:64\n call walk\n ret\n.end\n.entry main\n";
    let code = Code::of(source, 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "readonly"), 0);
    assert_eq!(count(&lines, "load"), 1);
}

#[test]
fn a_sum_of_floats_stays_in_a_float_register() {
    let source = ".bss\nx: .reserve 800\n.text\n.func sum () -> 1\n declare i\n declare sum\n.next:\n f_read l:sum\n \
                  i_read l:i\n q_read b:x\n f_add\n f_write l:sum\n i_read l:i\n push 8\n i_add\n i_write l:i\n \
                  i_read l:i\n push 800\n i_lt\n jnz .next\n f_read l:sum\n ret\n.end\n.func main () -> 1\n call \
                  sum\n ret\n.end\n.entry main\n";
    let code = Code::of(source, 0);
    let lines = code.loop_lines();
    assert_eq!(count(&lines, "bitcast"), 0);
    assert_eq!(
        count(&lines, "fcmp"),
        0,
        "a NaN is made canonical behind the loop"
    );
    assert_eq!(count(&lines, "load.f64"), 1);
}

#[test]
fn the_heaps_limit_is_loaded_again_where_it_may_have_grown() {
    let source = |call: &str| {
        format!(
            ".heap 0, 1M\n.func grow ()\n push 1\n heap_grow\n drop\n ret\n.end\n.func stay ()\n nop\n ret_call stay\n.end\n\
             .func other (n)\n ret\n.end\n.func work (n) -> 1\n declare i\n declare j\n declare sum\n.outer:\n {call}\n \
             push 0\n i_write l:i\n.inner:\n i_read l:i\n q_read h:0{ADD_TO_SUM} i_read l:i\n push 1\n i_add\n i_write \
             l:i\n i_read l:i\n i_read l:n\n i_lt\n jnz .inner\n i_read l:j\n push 1\n i_add\n i_write l:j\n i_read \
             l:j\n i_read l:n\n i_lt\n jnz .outer\n i_read l:sum\n ret\n.end\n.func main () -> 1\n push 10\n call \
             work\n ret\n.end\n.entry main\n"
        )
    };
    for (call, grows) in [
        ("push 1\n heap_grow\n drop", true),
        ("call grow", true),
        ("push t:grow\n call_i 0, 0", true),
        ("nop", false),
        ("call stay", false),
        ("push 1\n push t:other\n call_i 1, 0", false),
    ] {
        let code = Code::of(&source(call), 3);
        let lines = code.loop_lines();
        // The limit, between the loops; nothing else.
        assert_eq!(
            count(&lines, "readonly"),
            usize::from(grows),
            "{call}: {lines:#?}"
        );
    }
}

#[test]
fn the_compiler_and_the_interpreter_agree_on_a_heap_that_grows_in_the_function() {
    let source = ".heap 64K, 1M\n.func main () -> 1\n declare i\n.next:\n push 1\n heap_grow\n drop\n push h:0\n \
                  heap_size\n push 16\n i_shl\n push 8\n i_sub\n i_read l:i\n q_write\n i_read l:i\n push 1\n i_add\n \
                  i_write l:i\n i_read l:i\n push 10\n i_lt\n jnz .next\n push 11 * 65536 - 8\n q_read h:0\n ret\n\
                  .end\n.entry main\n";
    let module = Arc::new(verify(image(source)).expect("it verifies"));
    for engine in [Engine::Interpreter, Engine::Jit] {
        let mut machine =
            Machine::new(Arc::clone(&module), Host::new(), Limits::default()).expect("it starts");
        machine.set_engine(engine);
        assert_eq!(machine.run().expect("it runs"), Exit::Returned(vec![9]));
    }
}

#[test]
fn a_panic_in_a_host_function_goes_through() {
    let source =
        ".host plug.fail () -> 0\n.func main ()\n call plug.fail\n ret\n.end\n.entry main\n";
    let module = Arc::new(verify(image(source)).expect("it verifies"));
    let mut host = Host::new();
    host.register("plug.fail", || -> () { panic!("on purpose") });
    let mut machine = Machine::new(module, host, Limits::default()).expect("it starts");
    machine.set_engine(Engine::Jit);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| machine.run()));
    let panic = result.expect_err("it panics");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
}

fn machine(source: &str, engine: Engine, limits: Limits) -> Machine {
    let module = Arc::new(verify(image(source)).expect("it verifies"));
    let mut machine = Machine::new(module, Host::new(), limits).expect("it starts");
    machine.set_engine(engine);
    machine
}

/// One loop in the entry function, which is called once.
const LONG_LOOP: &str = ".func main () -> 1\n declare i\n declare sum\n.next:\n i_read l:sum\n i_read l:i\n i_add\n \
                         i_write l:sum\n i_read l:i\n push 1\n i_add\n i_write l:i\n i_read l:i\n push \
                         50000000\n i_lt\n jnz .next\n i_read l:sum\n ret\n.end\n.entry main\n";

#[test]
fn a_loop_that_runs_is_entered_without_a_call() {
    let mut machine = machine(LONG_LOOP, Engine::Auto, Limits::default());
    let exit = machine.run().expect("it runs");
    assert_eq!(exit, Exit::Returned(vec![50_000_000 * 49_999_999 / 2]));
    let compiled = machine.compilation().expect("it was compiled");
    assert!(compiled.functions > 0 && compiled.bytes > 0);
}

#[test]
fn a_function_whose_loop_was_compiled_is_entered_at_its_start_the_next_time() {
    let source = LONG_LOOP.replace("50000000", "100");
    let mut machine = machine(&source, Engine::Auto, Limits::default());
    machine.set_tiering(Tiering {
        threshold: 60,
        waits: true,
        ..Tiering::default()
    });
    let wanted = Exit::Returned(vec![100 * 99 / 2]);
    assert_eq!(machine.run().expect("it runs"), wanted);
    let counter = |machine: &Machine| machine.tier().map(|tier| tier.counter(0));
    assert_eq!(counter(&machine), Some(1), "one call is enough");
    assert_eq!(machine.compiled_units().len(), 1);
    assert_eq!(machine.run().expect("it runs"), wanted);
    assert_eq!(counter(&machine), Some(1));
    let heads = |machine: &Machine| -> Vec<bool> {
        let units = machine.compiled_units();
        units.iter().map(|unit| unit.loop_head.is_some()).collect()
    };
    assert_eq!(heads(&machine), [true, false], "the function for its call");
    assert_eq!(machine.run().expect("it runs"), wanted);
    assert_eq!(heads(&machine), [true, false], "nothing again");
}

#[test]
fn what_is_not_hot_is_not_compiled() {
    let source = LONG_LOOP.replace("50000000", "50");
    let mut machine = machine(&source, Engine::Auto, Limits::default());
    assert_eq!(
        machine.run().expect("it runs"),
        Exit::Returned(vec![50 * 49 / 2])
    );
    assert_eq!(machine.compilation(), Some(Compilation::default()));
}

/// f(n) calls itself n deep and then divides by 0, with objects in l: on the way.
const DEEP: &str = ".func f (n) -> 1\n declare buf[3]\n i_read l:n\n jnz .deeper\n push 1\n push 0\n i_div\n ret\n\
                    .deeper:\n push 8\n i_read l:n\n q_write l:buf\n i_read l:n\n push 1\n i_sub\n call f\n push \
                    8\n q_read l:buf\n i_add\n ret\n.end\n.func main () -> 1\n push 40\n call f\n ret\n.end\n.entry \
                    main\n";

#[test]
fn a_backtrace_goes_through_frames_of_both_engines() {
    let fault_of = |engine, threshold, unit_bytes| {
        let mut machine = machine(DEEP, engine, Limits::default());
        machine.set_tiering(Tiering {
            threshold,
            waits: true,
            unit_bytes,
        });
        match machine.run().expect("it runs") {
            Exit::Fault(fault) => fault,
            exit => panic!("{exit:?}"),
        }
    };
    let wanted = fault_of(Engine::Interpreter, 1, 0);
    assert_eq!(wanted.backtrace.len(), 42);
    assert_eq!(fault_of(Engine::Jit, 1, 0), wanted);
    for threshold in 1..45 {
        for unit_bytes in [0, 1000] {
            let fault = fault_of(Engine::Auto, threshold, unit_bytes);
            assert_eq!(fault, wanted, "{threshold} {unit_bytes}");
        }
    }
}

#[test]
fn fuel_is_the_same_wherever_the_engines_change() {
    let source = LONG_LOOP.replace("50000000", "100");
    let limits = Limits {
        fuel: Some(1_000),
        ..Limits::default()
    };
    let end = |engine, threshold| {
        let mut machine = machine(&source, engine, limits);
        machine.set_tiering(Tiering {
            threshold,
            waits: true,
            ..Tiering::default()
        });
        let exit = machine.run().expect("it runs");
        (exit, machine.fuel_used())
    };
    let wanted = end(Engine::Interpreter, 1);
    assert!(matches!(wanted.0, Exit::Fault(_)), "{wanted:?}");
    for threshold in 1..90 {
        assert_eq!(end(Engine::Auto, threshold), wanted, "{threshold}");
    }
}

#[test]
fn ten_thousand_frames_of_64_cells_fit() {
    let declares: String = (0..60).map(|n| format!(" declare x{n}\n")).collect();
    let writes: String = (0..60)
        .map(|n| format!(" i_read l:n\n push {n}\n i_add\n i_write l:x{n}\n"))
        .collect();
    let reads: String = (0..60)
        .map(|n| format!(" i_read l:x{n}\n i_add\n"))
        .collect();
    let source = format!(
        ".func f (n) -> 1\n{declares}{writes} i_read l:n\n jnz .deeper\n push 0\n ret\n.deeper:\n i_read l:n\n push \
         1\n i_sub\n call f\n{reads} ret\n.end\n.func main () -> 1\n push 10000\n call f\n ret\n.end\n.entry main\n"
    );
    let sum: u64 = (1..=10_000).map(|n| 60 * n + 59 * 60 / 2).sum();
    let mut machine = machine(&source, Engine::Jit, Limits::default());
    assert_eq!(machine.run().expect("it runs"), Exit::Returned(vec![sum]));
}

/// A function that is beyond what the compiler takes, with results that depend on all of it, and one that is not.
fn huge(statement: &str, count: usize) -> String {
    let statements = statement.repeat(count);
    format!(
        ".bss\nx: .reserve 64\n.text\n.func huge (p) -> 1\n declare sum\n{statements} i_read l:sum\n ret\n.end\n.func \
         small (n) -> 1\n declare i\n.next:\n i_read l:i\n push 1\n i_add\n i_write l:i\n i_read l:i\n i_read l:n\n \
         i_lt\n jnz .next\n i_read l:i\n ret\n.end\n.func main () -> 1\n push b:x\n call huge\n push 10000\n call \
         small\n i_add\n ret\n.end\n.entry main\n"
    )
}

#[test]
fn a_function_that_is_too_large_stays_in_the_interpreter() {
    let one_more = " i_read l:sum\n push 1\n i_add\n i_write l:sum\n";
    let from_memory =
        " i_read l:p\n push 8\n q_read\n i_read l:sum\n i_add\n push 2\n i_add\n i_write l:sum\n";
    // By its text, and by its accesses.
    for (statement, count, sum) in [(one_more, 12_000, 12_000), (from_memory, 8_100, 16_200)] {
        let source = huge(statement, count);
        for engine in [Engine::Jit, Engine::Auto, Engine::Interpreter] {
            let mut machine = machine(&source, engine, Limits::default());
            machine.set_tiering(Tiering {
                threshold: 1,
                waits: true,
                unit_bytes: 0,
            });
            let exit = machine.run().expect("it runs");
            assert_eq!(exit, Exit::Returned(vec![sum + 10_000]), "{engine:?}");
            if engine == Engine::Interpreter {
                continue;
            }
            let units = machine.compiled_units();
            let (left, made): (Vec<_>, Vec<_>) = units.iter().partition(|u| u.failure.is_some());
            assert!(
                left.iter().any(|unit| unit.function == Some(0)),
                "{units:?}"
            );
            assert!(
                made.iter().any(|unit| unit.function == Some(1)),
                "{units:?}"
            );
        }
    }
}

/// Functions of 80 KiB together, each of which calls a small one that is inlined and divides by the difference of its
/// argument and `last`.
fn in_portions(last: usize) -> String {
    let fill = " i_read l:x\n push 1\n i_add\n i_write l:x\n".repeat(200);
    let functions: String = (0..32)
        .map(|n| format!(".func f{n} (x) -> 1\n{fill} push {n}\n call divide\n ret\n.end\n"))
        .collect();
    let calls: String = (0..32)
        .map(|n| format!(" push 0\n call f{n}\n i_add\n"))
        .collect();
    format!(
        ".func divide (x) -> 1\n push 100\n i_read l:x\n push {last}\n i_sub\n i_div\n ret\n.end\n{functions}.func \
         main () -> 1\n push 0\n{calls} ret\n.end\n.entry main\n"
    )
}

#[test]
fn what_several_threads_compile_fits_together() {
    let end = |last, engine| {
        let mut machine = machine(&in_portions(last), engine, Limits::default());
        machine.run().expect("it runs")
    };
    for last in [0, 7, 15, 16, 31] {
        let wanted = end(last, Engine::Interpreter);
        assert!(
            matches!(&wanted, Exit::Fault(fault) if fault.backtrace.len() == 3),
            "{wanted:?}"
        );
        assert_eq!(end(last, Engine::Jit), wanted, "{last}");
    }
    let wanted = end(1_000, Engine::Interpreter);
    assert!(matches!(wanted, Exit::Returned(_)));
    assert_eq!(end(1_000, Engine::Jit), wanted);
}

/// small(n) and large(n), which cannot be compiled, call each other until n is 0, and then divide by it, or not.
fn in_turns(divides: bool) -> String {
    let statements = " i_read l:sum\n push 1\n i_add\n i_write l:sum\n".repeat(12_000);
    let end = match divides {
        true => " push 1\n i_read l:n\n i_div\n ret\n",
        false => " push 7\n ret\n",
    };
    format!(
        ".func large (n) -> 1\n declare sum\n i_read l:n\n jz .end\n i_read l:n\n push 1\n i_sub\n call small\n \
         push 2\n i_add\n ret\n.end:\n{statements} push 0\n ret\n.end\n.func small (n) -> 1\n declare buf[2]\n \
         i_read l:n\n jz .end\n i_read l:n\n push 1\n i_sub\n call large\n push 1\n i_add\n ret\n.end:\n{end}.end\n\
         .func main () -> 1\n push 3\n call small\n drop\n push 20000\n call small\n ret\n.end\n.entry main\n"
    )
}

#[test]
fn compiled_code_calls_what_is_not() {
    let end = |source: &str, engine, unit_bytes| {
        let source = source.to_string();
        // A thread's stack is no larger than the host's frames need, however deep the program's calls are.
        let run = move || {
            let limits = Limits {
                fuel: Some(10_000_000),
                ..Limits::default()
            };
            let mut machine = machine(&source, engine, limits);
            machine.set_tiering(Tiering {
                threshold: 1,
                waits: true,
                unit_bytes,
            });
            let exit = machine.run().expect("it runs");
            let units = machine.compiled_units();
            let made = units.iter().filter(|unit| unit.failure.is_none()).count();
            (exit, machine.fuel_used(), made)
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let thread = thread.spawn(run).expect("there are threads");
        thread.join().expect("it does not panic")
    };
    for divides in [false, true] {
        let source = in_turns(divides);
        let (exit, fuel, _) = end(&source, Engine::Interpreter, 0);
        match &exit {
            Exit::Returned(results) => assert_eq!(results, &[10_000 + 2 * 10_000 + 7]),
            Exit::Fault(fault) => assert_eq!(fault.code, FaultCode::DivideByZero),
            other => panic!("{other:?}"),
        }
        assert_eq!(divides, matches!(exit, Exit::Fault(_)));
        for unit_bytes in [0, 8 << 10] {
            let (other_exit, other_fuel, made) = end(&source, Engine::Auto, unit_bytes);
            assert_eq!((&other_exit, other_fuel), (&exit, fuel));
            assert!(made > 0, "`small` is compiled");
        }
    }
}

#[test]
fn recursion_without_end_is_the_callers_fault() {
    let source =
        ".func f ()\n nop\n call f\n ret\n.end\n.func main ()\n call f\n ret\n.end\n.entry main\n";
    let mut machine = machine(source, Engine::Jit, Limits::default());
    let Exit::Fault(fault) = machine.run().expect("it runs") else {
        panic!("a fault")
    };
    assert_eq!(fault.code, FaultCode::CallStackOverflow);
    assert_eq!(fault.registers.ip, 1, "the call, not the entry");
    assert!(fault.omitted.is_some());
    // The machine is as good as new.
    assert!(matches!(machine.run().expect("it runs"), Exit::Fault(_)));
}

#[cfg(feature = "ffi")]
#[test]
fn plain_c_functions_are_called_directly() {
    let calls = |declaration: &str, options: CodeOptions| {
        let source = format!(
            ".foreign \"libx.so\" {declaration} as f\n.func loop (n) -> 1\n.next:\n i_read l:n\n call f\n i_write l:n\n i_read l:n\n jnz .next\n push 0\n ret\n.end\n"
        );
        let code = Code::with(&source, 0, options);
        let lines = code.loop_lines();
        let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        (count("call_indirect"), count("store"))
    };
    let granted = CodeOptions {
        granted: true,
        ..CodeOptions::default()
    };
    // One call in the loop, with its arguments in registers: what has to be looked at around it is out of line.
    assert_eq!(calls("f (i64) -> i64", granted), (1, 0));
    assert_eq!(calls("f (u8) -> i16", granted), (1, 0));
    let (direct, cells) = calls("f (const ptr) -> i64", granted);
    assert!(direct == 1 && cells > 0, "the machine checks the pointer");
    let checked = CodeOptions {
        checked: true,
        ..granted
    };
    assert!(calls("f (i64) -> i64", checked).1 > 0);
}
