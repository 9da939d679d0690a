//! JSON, headers and graphs: what they hold, and that no image is too strange for them.

mod generate;

use cvm_disasm::Options;
use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::image::reader::read;
use cvm_spec::image::writer::write;
use cvm_spec::image::{Function, FunctionType, Image};
use cvm_spec::isa::Opcode;
use serde_json::Value;

use generate::{Random, image, mutate};

type Form = fn(&Image, &mut dyn std::io::Write) -> std::io::Result<()>;

fn printed(form: Form, image: &Image) -> String {
    let mut out = Vec::new();
    form(image, &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("is UTF-8")
}

fn count() -> u64 {
    let wanted = std::env::var("CVM_IMAGES").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(1_000)
}

#[test]
fn any_image_has_a_json_document_with_all_of_it() {
    for seed in 0..count() {
        let mut random = Random(seed);
        let mut file = write(&image(&mut random));
        for _ in 0..3 {
            if let Ok(read) = read(&file) {
                let image = read.image;
                let document: Value =
                    serde_json::from_str(&printed(cvm_disasm::json, &image)).expect("is JSON");
                let length = |name: &str| document[name].as_array().expect("is an array").len();
                assert_eq!(document["version"], 1);
                assert_eq!(length("functions"), image.functions.len());
                assert_eq!(length("symbols"), image.symbols.len());
                assert_eq!(length("raw_sections"), image.raw.len());
                let data = document["data"].as_str().expect("is a string");
                assert_eq!(data.len(), 2 * image.data.len());
                let sizes = document["sections"].as_array().expect("is an array").iter();
                let total: u64 = sizes.map(|s| s["size"].as_u64().expect("a number")).sum();
                assert_eq!(
                    48 + 24 * length("sections") as u64 + total,
                    file.len() as u64
                );
            }
            mutate(&mut random, &mut file);
        }
    }
}

#[test]
fn the_other_forms_never_panic() {
    for seed in 0..count() {
        let mut random = Random(seed);
        let mut file = write(&image(&mut random));
        for _ in 0..3 {
            if let Ok(read) = read(&file) {
                printed(cvm_disasm::headers, &read.image);
                printed(cvm_disasm::cfg, &read.image);
                let mut out = Vec::new();
                let readable = cvm_disasm::readable(&read.image, Options { hex: true }, &mut out);
                assert!(readable.is_ok() || out.is_empty(), "refused, but printed");
            }
            mutate(&mut random, &mut file);
        }
    }
}

#[test]
fn images_that_no_reader_would_give_do_not_panic_either() {
    for seed in 0..count() {
        let image = image(&mut Random(seed));
        for form in [cvm_disasm::json, cvm_disasm::headers, cvm_disasm::cfg] {
            printed(form, &image);
        }
        let _ = cvm_disasm::readable(&image, Options::default(), &mut Vec::new());
    }
}

fn with_text(code: Vec<u8>) -> Image {
    let mut image = Image::default();
    let type_index = image.intern_type(FunctionType::default());
    let name = image.add_string("a \"strange\" name\n");
    image.symbols.push(cvm_spec::image::Symbol {
        kind: cvm_spec::image::SymbolKind::Function,
        value: 0,
        size: 0,
        name,
        a: 0,
        b: 0,
    });
    image.functions.push(Function {
        start: 0,
        size: code.len() as u32,
        type_index,
    });
    image.text = code;
    image
}

#[test]
fn graphs_show_blocks_with_depths_and_edges() {
    let mut code = Vec::new();
    encode(&mut code, Opcode::PushB, 1); // 0
    encode_switch(&mut code, [0, 1].into_iter()); // 2: to 15 and 16
    encode(&mut code, Opcode::Nop, 0); // 15
    encode(&mut code, Opcode::PushA, 0x2000_0016); // 16
    encode(&mut code, Opcode::JmpI, 0); // 21
    encode(&mut code, Opcode::Land, 0); // 22
    encode(&mut code, Opcode::Ret, 0); // 23
    encode(&mut code, Opcode::Nop, 0); // 24: dead
    encode(&mut code, Opcode::Ret, 0); // 25
    let graph = printed(cvm_disasm::cfg, &with_text(code));
    for part in [
        "label=\"a \\\"strange\\\" name\\\\n (0) -> 0\"",
        "b0 [label=\"0:  depth 0\\lpush_b 1\\lswitch [L15, L16]\\l\"]",
        "b0 -> b15 [label=\"0\"];",
        "b0 -> b16 [label=\"default\"];",
        "b15 -> b16;",
        "b16 -> i0 ",
        "i0 -> b22 ",
        "b24 [label=\"24:  depth ?\\l",
    ] {
        assert!(graph.contains(part), "{part}\n{graph}");
    }
}

#[test]
fn json_spells_every_operand() {
    let mut code = Vec::new();
    encode(&mut code, Opcode::PushQ, u64::MAX);
    encode(&mut code, Opcode::DReadA, 0x6000_0004);
    encode(&mut code, Opcode::Jmp, -20i64 as u64);
    encode(&mut code, Opcode::Slide, 1 | 2 << 16);
    encode(&mut code, Opcode::Pick, 3);
    encode(&mut code, Opcode::Abort, 4);
    encode(&mut code, Opcode::Declare, 5);
    encode(&mut code, Opcode::Call, 0);
    encode(&mut code, Opcode::CallX, 6);
    encode(&mut code, Opcode::CallI, 7);
    code.push(0);
    let document: Value =
        serde_json::from_str(&printed(cvm_disasm::json, &with_text(code))).expect("is JSON");
    let code = document["functions"][0]["code"]
        .as_array()
        .expect("an array");
    assert_eq!(code[0]["value"], "-1");
    assert_eq!(code[1]["address"]["segment"], "bss");
    assert_eq!(code[1]["address"]["offset"], 4);
    assert_eq!(code[2]["target"], -1);
    assert_eq!(
        (&code[3]["dropped"], &code[3]["kept"]),
        (&1.into(), &2.into())
    );
    assert_eq!(code[4]["below"], 3);
    assert_eq!(code[5]["code"], 4);
    assert_eq!(code[6]["cells"], 5);
    assert_eq!(code[7]["function"], 0);
    assert_eq!(code[8]["import"], 6);
    assert_eq!(code[9]["type"], 7);
    assert_eq!(code[10]["bytes"], "00");
    assert_eq!(document["functions"][0]["name"], "a \"strange\" name\n");
}

#[test]
fn the_specification_names_every_member() {
    fn members(value: &Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    into.insert(name.clone());
                    members(value, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| members(item, into)),
            _ => {}
        }
    }
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let document = printed(cvm_disasm::json, &image(&mut Random(seed)));
        members(
            &serde_json::from_str(&document).expect("is JSON"),
            &mut names,
        );
    }
    let page = include_str!("../../spec/disasm-json.md");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for name in names {
        let mut words = page.split(|c| !is_word(c));
        assert!(words.any(|word| word == name), "`{name}` is not described");
    }
}
