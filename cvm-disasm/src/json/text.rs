//! Functions and their instructions.

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::Image;
use cvm_spec::isa::OperandKind;

use super::records::pointer;
use super::writer::Json;
use crate::depth::Depths;
use crate::names::function_names;
use crate::sweep::{Region, Step, regions, step};

pub(super) fn functions(json: &mut Json<'_>, image: &Image) {
    let names = function_names(image);
    json.key("functions").open(b'[');
    for region in regions(image) {
        let Some(index) = region.function else {
            continue;
        };
        let function = &image.functions[index];
        json.record();
        json.key("index").number(index);
        match names[index] {
            Some(name) => json.key("name").name(image, name),
            None => json.key("name").null(),
        }
        json.key("start").number(function.start);
        json.key("size").number(function.size);
        json.key("type").number(function.type_index);
        json.key("code").open(b'[');
        code(json, image, &region);
        json.close(b']');
        json.close(b'}');
        if json.failed() {
            break;
        }
    }
    json.close(b']');
}

fn code(json: &mut Json<'_>, image: &Image, region: &Region) {
    let depths = Depths::new(image, region);
    let mut at = region.range.start;
    while at < region.range.end {
        json.record();
        json.key("offset").number(at);
        at = match step(&image.text, at, region.range.end) {
            Step::Instruction(instruction, next) => {
                json.key("size").number(next - at);
                json.key("mnemonic").word(instruction.opcode.mnemonic());
                json.key("opcode").number(instruction.opcode.byte());
                operand(json, &instruction, next);
                json.key("depth").optional(depths.at(at));
                next
            }
            Step::Bytes(next) => {
                json.key("size").number(next - at);
                json.key("bytes").hex(&image.text[at..next]);
                next
            }
        };
        json.close(b'}');
    }
}

fn operand(json: &mut Json<'_>, instruction: &Instruction<'_>, next: usize) {
    let place = |distance: i32| next as i64 + i64::from(distance);
    match instruction.operand {
        Operand::None => {}
        Operand::Constant(value) => json.key("value").wide_signed(value as i64),
        Operand::Pointer(address) => pointer(json.key("address"), address.0),
        Operand::Code(code) => json.key("code").number(code),
        Operand::Jump(distance) => json.key("target").number(place(distance)),
        Operand::Table(table) => {
            json.key("targets").open(b'[');
            for distance in table.distances() {
                json.number(place(distance));
            }
            json.close(b']');
        }
        Operand::Index(index) => {
            let key = match instruction.opcode.operand() {
                OperandKind::Function => "function",
                OperandKind::Import => "import",
                _ => "type",
            };
            json.key(key).number(index);
        }
        Operand::Depth(depth) => json.key("below").number(depth),
        Operand::Slide { dropped, kept } => {
            json.key("dropped").number(dropped);
            json.key("kept").number(kept);
        }
        Operand::Cells(cells) => json.key("cells").number(cells),
    }
}
