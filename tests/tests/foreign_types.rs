//! Every type of a signature, in every position, against C that is generated and compiled here: scalars with edge values,
//! 0 to 20 arguments, structs by value of 1 to 64 bytes, variadic functions, callbacks.
//!
//! What must come out is computed in this file from the definition of the types, never by the machine. C folds what it
//! sees into a hash, so that a value which arrives in the wrong register or with wrong upper bits shows.

use std::fmt::Write as _;
use std::sync::Arc;

use cvm::ffi::ForeignGrant;
use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::verify::verify;
use cvm_asm::{Options, SourceFile, assemble};
use cvm_spec::foreign::{ForeignType, Scalar, Signature};
use cvm_tests::c_library;
use cvm_tests::random::Random;
use tempfile::TempDir;

/// A call and what must come of it.
struct Check {
    export: String,
    args: Vec<u64>,
    wanted: Vec<u64>,
}

/// C, assembly and checks under construction.
struct Generator {
    c: String,
    assembly: String,
    checks: Vec<Check>,
    random: Random,
    count: usize,
}

const C_HEAD: &str = "\
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#define BITS(x) ({ uint64_t bits_ = 0; __typeof__(x) copy_ = (x); memcpy(&bits_, &copy_, sizeof copy_); bits_; })
#define MIX(h, x) ((h) * 31 + BITS(x))
";

impl Generator {
    fn new() -> Generator {
        Generator {
            c: C_HEAD.into(),
            assembly: String::new(),
            checks: Vec::new(),
            random: Random::new(7),
            count: 0,
        }
    }

    fn name(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}_{}", self.count)
    }

    /// A CVM function that passes its arguments on to an imported one.
    fn export(&mut self, function: &str, signature: &str) -> String {
        let parsed = Signature::parse(signature).expect("the generated signature is right");
        let (args, results) = parsed.arity();
        let names: Vec<String> = (0..args).map(|n| format!("x{n}")).collect();
        let export = format!("call_{function}");
        let out = &mut self.assembly;
        let _ = writeln!(out, ".foreign \"libtypes.so\" {function} {signature}");
        let _ = writeln!(out, ".func {export} ({}) -> {results}", names.join(", "));
        for name in &names {
            let _ = writeln!(out, "    i_read l:{name}");
        }
        let _ = writeln!(out, "    call {function}\n    ret\n.end\n.export {export}");
        export
    }

    fn check(&mut self, export: &str, args: Vec<u64>, wanted: Vec<u64>) {
        self.checks.push(Check {
            export: export.into(),
            args,
            wanted,
        });
    }
}

/// C's name of a scalar.
fn c_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::I8 => "int8_t",
        Scalar::I16 => "int16_t",
        Scalar::I32 => "int32_t",
        Scalar::I64 => "int64_t",
        Scalar::U8 => "uint8_t",
        Scalar::U16 => "uint16_t",
        Scalar::U32 => "uint32_t",
        Scalar::U64 => "uint64_t",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
        Scalar::Bool => "bool",
    }
}

/// The bytes of a value in memory, as a number: what BITS gives.
fn bits(scalar: Scalar, cell: u64) -> u64 {
    match (scalar, scalar.size()) {
        (Scalar::Bool, _) => u64::from(cell != 0),
        (_, 8) => cell,
        (_, size) => cell & ((1 << (size * 8)) - 1),
    }
}

/// The cell of a value that C returned.
fn cell(scalar: Scalar, bits: u64) -> u64 {
    match scalar {
        Scalar::I8 => bits as u8 as i8 as i64 as u64,
        Scalar::I16 => bits as u16 as i16 as i64 as u64,
        Scalar::I32 => bits as u32 as i32 as i64 as u64,
        _ => bits,
    }
}

/// A cell for an argument: upper bits that do not count are anything.
fn argument(random: &mut Random, scalar: Scalar) -> u64 {
    match scalar {
        // NaNs are bits like any other, but C may quiet them when it converts; none of the functions here does.
        Scalar::F64 => (random.below(2_000_000) as f64 / 64.0 - 9000.0).to_bits(),
        Scalar::F32 => {
            let float = random.below(2_000_000) as f32 / 64.0 - 9000.0;
            u64::from(float.to_bits()) | random.next() << 32
        }
        _ => random.cell(),
    }
}

const EDGES: [u64; 18] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x1234_5678_9abc_def0,
    0x3ff8_0000_0000_0000,
];

fn scalars(out: &mut Generator) {
    for scalar in Scalar::ALL {
        let (c, name) = (c_name(scalar), scalar.name());
        let _ = writeln!(out.c, "{c} same_{name}({c} x) {{ return x; }}");
        let _ = writeln!(out.c, "uint64_t seen_{name}({c} x) {{ return MIX(1, x); }}");
        let wide = if scalar.is_integer() {
            "(uint64_t)(int64_t)x"
        } else {
            "BITS(x)"
        };
        let _ = writeln!(out.c, "uint64_t wide_{name}({c} x) {{ return {wide}; }}");
        let _ = writeln!(
            out.c,
            "uint64_t back_{name}({c} (*f)({c}), {c} x) {{ {c} r = f(x); return MIX(3, r); }}"
        );
        let same = out.export(&format!("same_{name}"), &format!("({name}) -> {name}"));
        let seen = out.export(&format!("seen_{name}"), &format!("({name}) -> u64"));
        let wide = out.export(&format!("wide_{name}"), &format!("({name}) -> u64"));
        let _ = writeln!(
            out.assembly,
            ".foreign \"libtypes.so\" back_{name} (fn({name}) -> {name}, {name}) -> u64
.func call_back_{name} (x) -> 2
    push 0
    i_write b:seen
    push t:keep
    i_read l:x
    call back_{name}
    i_read b:seen
    ret
.end
.export call_back_{name}"
        );
        for edge in EDGES {
            let value = bits(scalar, edge);
            out.check(&same, vec![edge], vec![cell(scalar, value)]);
            out.check(&seen, vec![edge], vec![31u64.wrapping_add(value)]);
            out.check(&wide, vec![edge], vec![cell(scalar, value)]);
            let back = format!("call_back_{name}");
            let wanted = vec![93u64.wrapping_add(value), cell(scalar, value)];
            out.check(&back, vec![edge], wanted);
        }
    }
}

/// 0 to 20 arguments of mixed types, as a call and as a callback.
fn many_arguments(out: &mut Generator) {
    for count in 0..=20usize {
        for round in 0..6 {
            let types: Vec<Scalar> = (0..count)
                .map(|_| match round {
                    0 => Scalar::I64,
                    1 => Scalar::F64,
                    2 => out.random.pick(&[Scalar::F64, Scalar::I64]),
                    _ => out.random.pick(&Scalar::ALL),
                })
                .collect();
            let result = match round {
                0 | 3 => Scalar::U64,
                1 => Scalar::F64,
                _ => out.random.pick(&Scalar::ALL),
            };
            arguments(out, &types, result);
        }
    }
}

fn arguments(out: &mut Generator, types: &[Scalar], result: Scalar) {
    let name = out.name("args");
    let list = |separator: &str, each: &dyn Fn(usize, Scalar) -> String| {
        let parts: Vec<String> = types.iter().enumerate().map(|(n, t)| each(n, *t)).collect();
        parts.join(separator)
    };
    let parameters = match types {
        [] => "void".to_string(),
        _ => list(", ", &|n, t| format!("{} x{n}", c_name(t))),
    };
    let c_types = match types {
        [] => "void".to_string(),
        _ => list(", ", &|_, t| c_name(t).to_string()),
    };
    let names = list(", ", &|n, _| format!("x{n}"));
    let mix = list("", &|n, _| format!("h = MIX(h, x{n}); "));
    let c_result = c_name(result);
    // The result is the hash's low bits as a value of its type; a double or float is made of few bits to be exact.
    let give = match result {
        Scalar::F32 | Scalar::F64 => format!("({c_result})(h & 0xffff)"),
        Scalar::Bool => "h & 1".to_string(),
        _ => format!("({c_result})h"),
    };
    let _ = writeln!(
        out.c,
        "{c_result} {name}({parameters}) {{ uint64_t h = 7; {mix}return {give}; }}"
    );
    let signature = format!(
        "({}) -> {}",
        list(", ", &|_, t| t.name().to_string()),
        result.name()
    );
    let export = out.export(&name, &signature);
    let cells: Vec<u64> = types
        .iter()
        .map(|t| argument(&mut out.random, *t))
        .collect();
    let hash = types
        .iter()
        .zip(&cells)
        .fold(7u64, |hash, (scalar, value)| {
            hash.wrapping_mul(31).wrapping_add(bits(*scalar, *value))
        });
    let wanted = match result {
        Scalar::F64 => ((hash & 0xffff) as f64).to_bits(),
        Scalar::F32 => u64::from(((hash & 0xffff) as f32).to_bits()),
        Scalar::Bool => hash & 1,
        _ => cell(result, bits(result, hash)),
    };
    out.check(&export, cells.clone(), vec![wanted]);

    // The same arguments through a callback, which adds its cells up.
    let comma = if types.is_empty() { "" } else { ", " };
    let own = if types.is_empty() {
        String::new()
    } else {
        parameters
    };
    let _ = writeln!(
        out.c,
        "uint64_t through_{name}(uint64_t (*f)({c_types}){comma}{own}) {{ return f({names}); }}"
    );
    let cvm_names = list(", ", &|n, _| format!("x{n}"));
    let reads = list("", &|n, _| format!("    i_read l:x{n}\n"));
    let sums = list("", &|n, _| {
        format!("    push 31\n    i_mul\n    i_read l:x{n}\n    i_add\n")
    });
    let type_names = list(", ", &|_, t| t.name().to_string());
    let _ = writeln!(
        out.assembly,
        ".foreign \"libtypes.so\" through_{name} (fn({type_names}) -> u64{comma}{type_names}) -> u64
.func sum_{name} ({cvm_names}) -> 1
    push 7
{sums}    ret
.end
.func call_through_{name} ({cvm_names}) -> 1
    push t:sum_{name}
{reads}    call through_{name}
    ret
.end
.export call_through_{name}"
    );
    let sum = types
        .iter()
        .zip(&cells)
        .fold(7u64, |hash, (scalar, value)| {
            let seen = cell(*scalar, bits(*scalar, *value));
            hash.wrapping_mul(31).wrapping_add(seen)
        });
    out.check(&format!("call_through_{name}"), cells, vec![sum]);
}

/// A struct: its signature type, C declaration of its members, and paths of its scalars.
struct Shape {
    signature: String,
    members: String,
    scalars: Vec<(String, Scalar)>,
}

fn random_struct(random: &mut Random, budget: &mut u64, depth: u32) -> Shape {
    let mut shape = Shape {
        signature: String::new(),
        members: String::new(),
        scalars: Vec::new(),
    };
    let count = random.range(1, 6);
    for number in 0..count {
        if *budget == 0 && number > 0 {
            break;
        }
        let comma = if number == 0 { "" } else { ", " };
        let field = format!("m{number}");
        if depth < 3 && random.one_in(5) {
            let inner = random_struct(random, budget, depth + 1);
            let _ = write!(shape.signature, "{comma}{}", inner.signature);
            let _ = write!(shape.members, "struct {{ {}}} {field}; ", inner.members);
            let paths = inner.scalars.into_iter();
            let paths = paths.map(|(path, scalar)| (format!("{field}.{path}"), scalar));
            shape.scalars.extend(paths);
            continue;
        }
        let scalar = match random.below(3) {
            0 => random.pick(&[Scalar::F32, Scalar::F64]),
            _ => random.pick(&Scalar::ALL),
        };
        *budget = budget.saturating_sub(u64::from(scalar.size()));
        if random.one_in(4) {
            let length = random.range(1, 5);
            let _ = write!(shape.signature, "{comma}[{length} x {}]", scalar.name());
            let _ = write!(shape.members, "{} {field}[{length}]; ", c_name(scalar));
            let paths = (0..length).map(|at| (format!("{field}[{at}]"), scalar));
            shape.scalars.extend(paths);
        } else {
            let _ = write!(shape.signature, "{comma}{}", scalar.name());
            let _ = write!(shape.members, "{} {field}; ", c_name(scalar));
            shape.scalars.push((field, scalar));
        }
    }
    shape.signature = format!("{{{}}}", shape.signature);
    shape
}

fn structs(out: &mut Generator) {
    for number in 0..128 {
        let mut budget = 1 + number / 3;
        let shape = random_struct(&mut out.random, &mut budget, 0);
        one_struct(out, &shape);
    }
}

fn one_struct(out: &mut Generator, shape: &Shape) {
    let name = out.name("s");
    let Shape {
        signature: ty,
        members,
        scalars,
    } = shape;
    let mix = |of: &str| -> String {
        scalars
            .iter()
            .map(|(path, _)| format!("h = MIX(h, {of}.{path}); "))
            .collect()
    };
    let _ = writeln!(
        out.c,
        "typedef struct {{ {members}}} {name};
uint64_t size_{name}(void) {{ return sizeof({name}); }}
uint64_t hash_{name}(int32_t k, {name} a, double d, {name} b) {{ uint64_t h = 5; h = MIX(h, k); {}h = MIX(h, d); {}return h; }}
{name} pick_{name}(int8_t which, {name} a, {name} b) {{ return which ? b : a; }}
{name} swap_{name}({name} (*f)({name}, {name}), {name} a, {name} b) {{ return f(b, a); }}",
        mix("a"),
        mix("b")
    );
    let parsed = Signature::parse(&format!("() -> {ty}")).expect("the struct is right");
    let size = ForeignType::layout(&parsed.result).0;
    let export = out.export(&format!("size_{name}"), "() -> u64");
    out.check(&export, vec![], vec![size.into()]);

    let values = |random: &mut Random| -> Vec<u64> {
        scalars.iter().map(|(_, s)| argument(random, *s)).collect()
    };
    let (a, b) = (values(&mut out.random), values(&mut out.random));
    let (k, d) = (out.random.cell(), 2.5f64.to_bits());
    let fold = |hash: u64, value: u64| hash.wrapping_mul(31).wrapping_add(value);
    let fold_all = |hash: u64, cells: &[u64]| {
        let pairs = scalars.iter().zip(cells);
        pairs.fold(hash, |hash, ((_, s), value)| fold(hash, bits(*s, *value)))
    };
    let hash = fold(5, bits(Scalar::I32, k));
    let hash = fold_all(fold(fold_all(hash, &a), d), &b);
    let export = out.export(
        &format!("hash_{name}"),
        &format!("(i32, {ty}, f64, {ty}) -> u64"),
    );
    let args: Vec<u64> = [vec![k], a.clone(), vec![d], b.clone()].concat();
    out.check(&export, args, vec![hash]);

    let given = |cells: &[u64]| -> Vec<u64> {
        let pairs = scalars.iter().zip(cells);
        pairs
            .map(|((_, s), value)| cell(*s, bits(*s, *value)))
            .collect()
    };
    let export = out.export(
        &format!("pick_{name}"),
        &format!("(i8, {ty}, {ty}) -> {ty}"),
    );
    for which in [0u64, 0xff] {
        let args = [vec![which], a.clone(), b.clone()].concat();
        let wanted = if which == 0 { given(&a) } else { given(&b) };
        out.check(&export, args, wanted);
    }

    // A callback that takes two and gives back the second of them, which C passed first.
    let count = scalars.len();
    let cells = |letter: char| -> String {
        let names: Vec<String> = (0..count).map(|n| format!("{letter}{n}")).collect();
        names.join(", ")
    };
    let reads = |letter: char| -> String {
        (0..count)
            .map(|n| format!("    i_read l:{letter}{n}\n"))
            .collect()
    };
    let _ = writeln!(
        out.assembly,
        ".foreign \"libtypes.so\" swap_{name} (fn({ty}, {ty}) -> {ty}, {ty}, {ty}) -> {ty}
.func second_{name} ({}, {}) -> {count}
{}    ret
.end
.func call_swap_{name} ({}, {}) -> {count}
    push t:second_{name}
{}{}    call swap_{name}
    ret
.end
.export call_swap_{name}",
        cells('p'),
        cells('q'),
        reads('q'),
        cells('p'),
        cells('q'),
        reads('p'),
        reads('q'),
    );
    let args = [a.clone(), b.clone()].concat();
    out.check(&format!("call_swap_{name}"), args, given(&a));
}

/// Variadic functions: C takes what the promotions make of the arguments.
fn variadics(out: &mut Generator) {
    let _ = writeln!(
        out.c,
        "static uint64_t take(uint64_t h, const char *types, va_list list) {{
  for (; *types; types++) switch (*types) {{
    case 'i': {{ int x = va_arg(list, int); h = MIX(h, x); break; }}
    case 'u': {{ unsigned x = va_arg(list, unsigned); h = MIX(h, x); break; }}
    case 'l': {{ int64_t x = va_arg(list, int64_t); h = MIX(h, x); break; }}
    case 'd': {{ double x = va_arg(list, double); h = MIX(h, x); break; }}
  }}
  return h;
}}"
    );
    for round in 0..40u64 {
        let count = round / 2;
        let name = out.name("va");
        let types: Vec<Scalar> = (0..count).map(|_| out.random.pick(&Scalar::ALL)).collect();
        let letters: String = types
            .iter()
            .map(|scalar| match scalar {
                Scalar::F32 | Scalar::F64 => 'd',
                Scalar::I64 | Scalar::U64 => 'l',
                Scalar::U32 => 'u',
                _ => 'i',
            })
            .collect();
        let _ = writeln!(
            out.c,
            "uint64_t {name}(double first, ...) {{ va_list list; va_start(list, first); uint64_t h = take(MIX(9, first), \"{letters}\", list); va_end(list); return h; }}"
        );
        let names: Vec<&str> = types.iter().map(|scalar| scalar.name()).collect();
        let comma = if names.is_empty() { "" } else { ", " };
        let signature = format!("(f64, ...{comma}{}) -> u64", names.join(", "));
        let export = out.export(&name, &signature);
        let mut cells = vec![1.25f64.to_bits()];
        let mut hash = 9u64.wrapping_mul(31).wrapping_add(cells[0]);
        for scalar in types {
            let value = argument(&mut out.random, scalar);
            cells.push(value);
            let seen = match scalar {
                Scalar::F32 => f64::from(f32::from_bits(value as u32)).to_bits(),
                Scalar::F64 | Scalar::I64 | Scalar::U64 => value,
                // To int, with the sign that the type has.
                _ => u64::from(cell(scalar, bits(scalar, value)) as u32),
            };
            hash = hash.wrapping_mul(31).wrapping_add(seen);
        }
        out.check(&export, cells, vec![hash]);
    }
}

#[test]
fn values_arrive_in_c_and_come_back() {
    let mut out = Generator::new();
    scalars(&mut out);
    many_arguments(&mut out);
    structs(&mut out);
    variadics(&mut out);
    let folder = TempDir::new().expect("a folder");
    let source = folder.path().join("types.c");
    std::fs::write(&source, &out.c).expect("written");
    // Both what optimised and what plain code does with registers.
    for level in ["-O0", "-O2"] {
        c_library::shared(&source, &folder.path().join("libtypes.so"), &[level, "-w"])
            .expect("the generated C compiles");
        for engine in [Engine::Interpreter, Engine::Jit] {
            run(&out, folder.path(), engine);
        }
    }
}

fn run(out: &Generator, folder: &std::path::Path, engine: Engine) {
    let text = format!(
        ".bss\nseen: .quad 0\n.text\n.func keep (x) -> 1\n    i_read l:x\n    i_write b:seen\n    i_read l:x\n    ret\n.end\n{}",
        out.assembly
    );
    let source = SourceFile {
        name: "types.cvma".into(),
        text: text.into_bytes(),
    };
    let assembled = assemble(&[source], &Options::default());
    assert!(
        assembled.diagnostics.is_empty(),
        "{:?}",
        assembled.diagnostics.first()
    );
    let module = verify(assembled.image.expect("there is an image")).expect("it is right");
    let mut host = Host::new();
    host.allow_foreign(ForeignGrant::all().search_in([folder.to_path_buf()]));
    let mut machine =
        Machine::new(Arc::new(module), host, Limits::default()).expect("everything is found");
    machine.set_engine(engine);
    let mut wrong = Vec::new();
    for check in &out.checks {
        let exit = machine
            .call(&check.export, &check.args)
            .expect("it is exported");
        let Check {
            export,
            args,
            wanted,
        } = check;
        match exit {
            Exit::Returned(results) if results == *wanted => {}
            exit => wrong.push(format!(
                "{export}({args:x?}) gave {exit:x?}, not {wanted:x?}"
            )),
        }
    }
    println!("{} calls", out.checks.len());
    let first: Vec<&String> = wrong.iter().take(10).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong: {first:#?}",
        wrong.len(),
        out.checks.len()
    );
}
