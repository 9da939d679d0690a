//! Reports as JSON: one line, 64-bit values as decimal strings (`spec/fault-json.md`).

use cvm_spec::image::reader::ReadWarning;
use serde::Serialize;

use super::Reporter;
use super::facts::{CodePlace, Facts};
use super::names::{Names, Near, Place};
use super::problem::Problem;
use crate::fault::Tried;

/// The version of the schema, in every object.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct FaultObject<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    class: &'static str,
    title: &'static str,
    hint: &'static str,
    exit_status: u8,
    source: Option<SourceObject>,
    instruction: InstructionObject<'a>,
    access: Option<AccessObject<'a>>,
    operands: Vec<OperandObject<'a>>,
    registers: RegistersObject,
    backtrace: Vec<FrameObject<'a>>,
    omitted: Option<OmittedObject>,
    abort_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap: Option<&'static str>,
    types: Option<TypesObject>,
    module: Option<&'a str>,
    initialiser: Option<&'a str>,
    import: Option<&'a str>,
    library: Option<&'a str>,
    message: Option<&'a str>,
    allocations: Vec<AllocationObject<'a>>,
}

#[derive(Serialize)]
struct AllocationObject<'a> {
    address: String,
    size: String,
    function: &'a str,
    allocated: PlaceObject<'a>,
    freed: Option<PlaceObject<'a>>,
}

#[derive(Serialize)]
struct PlaceObject<'a> {
    place: &'a str,
    source: Option<SourceObject>,
}

#[derive(Serialize)]
struct ForeignObject<'a> {
    symbol: Option<&'a str>,
    library: Option<&'a str>,
}

#[derive(Serialize)]
struct SourceObject {
    file: String,
    line: u32,
    column: u32,
    text: Option<String>,
}

#[derive(Serialize)]
struct InstructionObject<'a> {
    offset: u32,
    mnemonic: Option<&'static str>,
    text: Option<&'a str>,
    function: Option<&'a str>,
    place: Option<&'a str>,
}

#[derive(Serialize)]
struct AccessObject<'a> {
    tried: &'static str,
    pointer: String,
    segment: &'static str,
    offset: String,
    width: String,
    segment_size: String,
    policy: &'static str,
    symbol: Option<SymbolObject<'a>>,
    relation: &'a str,
}

#[derive(Serialize)]
struct SymbolObject<'a> {
    name: &'a str,
    size: String,
    distance: String,
}

#[derive(Serialize)]
struct OperandObject<'a> {
    name: &'static str,
    value: String,
    hex: String,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct RegistersObject {
    ip: u32,
    osp: u32,
    csp: String,
    fp: String,
}

#[derive(Serialize)]
struct FrameObject<'a> {
    depth: String,
    offset: u32,
    function: &'a str,
    function_index: u32,
    place: &'a str,
    source: Option<SourceObject>,
    foreign: Option<ForeignObject<'a>>,
}

#[derive(Serialize)]
struct OmittedObject {
    after: usize,
    count: String,
}

#[derive(Serialize)]
struct TypesObject {
    wanted: TypeObject,
    found: TypeObject,
}

#[derive(Serialize)]
struct TypeObject {
    args: u16,
    results: u16,
    brand: u32,
}

impl From<(u16, u16, u32)> for TypeObject {
    fn from((args, results, brand): (u16, u16, u32)) -> TypeObject {
        TypeObject {
            args,
            results,
            brand,
        }
    }
}

#[derive(Serialize)]
struct ProblemObject<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    message: &'a str,
    exit_status: u8,
    file_offset: Option<String>,
    source: Option<SourceObject>,
    instruction: Option<InstructionObject<'a>>,
    import: Option<String>,
    details: serde_json::Map<String, serde_json::Value>,
    hints: &'a [String],
}

#[derive(Serialize)]
struct WarningObject<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    message: &'a str,
    file: &'a str,
    file_offset: String,
}

fn source(place: &Place, reporter: Option<&Reporter<'_>>) -> SourceObject {
    SourceObject {
        file: place.file.clone(),
        line: place.line,
        column: place.column,
        text: reporter.and_then(|reporter| reporter.sources.line(&place.file, place.line)),
    }
}

fn code_place(place: &CodePlace) -> PlaceObject<'_> {
    PlaceObject {
        place: &place.code,
        source: place.source.as_ref().map(|place| source(place, None)),
    }
}

fn symbol(near: &Near) -> SymbolObject<'_> {
    SymbolObject {
        name: &near.name,
        size: near.size.to_string(),
        distance: near.distance.to_string(),
    }
}

pub(super) fn fault(reporter: &Reporter<'_>, facts: &Facts<'_>) -> String {
    let fault = facts.fault;
    let access = facts.access.as_ref().map(|access| {
        let refused = &access.refused;
        let tag = refused.pointer.tag();
        AccessObject {
            tried: match refused.tried {
                Tried::Read => "read",
                Tried::Write => "write",
                Tried::Jump => "jump",
                Tried::Call => "call",
            },
            pointer: refused.pointer.0.to_string(),
            segment: tag.name(),
            offset: refused.pointer.offset().to_string(),
            width: refused.width.to_string(),
            segment_size: refused.segment_size.to_string(),
            policy: tag.policy(),
            symbol: access.near.as_ref().map(symbol),
            relation: &access.relation,
        }
    });
    let operands = facts.operands.iter().map(|operand| OperandObject {
        name: operand.name,
        value: operand.value.to_string(),
        hex: format!("{:#x}", operand.value),
        note: operand.note.as_deref(),
    });
    let frames = facts.frames.iter().map(|frame| FrameObject {
        depth: frame.depth.to_string(),
        offset: frame.ip,
        function: &frame.name,
        function_index: frame.function,
        place: &frame.code_place,
        source: frame.place.as_ref().map(|place| source(place, None)),
        foreign: frame.foreign.as_ref().map(|foreign| ForeignObject {
            symbol: foreign.symbol.as_deref(),
            library: foreign.library.as_deref(),
        }),
    });
    let allocations = facts.allocations.iter().map(|block| AllocationObject {
        address: block.address.to_string(),
        size: block.size.to_string(),
        function: &block.function,
        allocated: code_place(&block.allocated),
        freed: block.freed.as_ref().map(code_place),
    });
    line(&FaultObject {
        version: VERSION,
        kind: "fault",
        code: fault.code.code(),
        class: fault.code.class().name(),
        title: fault.code.title(),
        hint: fault.code.hint(),
        exit_status: fault.exit_status(),
        source: facts
            .place
            .as_ref()
            .map(|place| source(place, Some(reporter))),
        instruction: InstructionObject {
            offset: fault.registers.ip,
            mnemonic: fault.opcode.map(|opcode| opcode.mnemonic()),
            text: facts.instruction.as_deref(),
            function: facts.function.as_deref(),
            place: facts.code_place.as_deref(),
        },
        access,
        operands: operands.collect(),
        registers: RegistersObject {
            ip: fault.registers.ip,
            osp: fault.registers.osp,
            csp: fault.registers.csp.to_string(),
            fp: fault.registers.fp.to_string(),
        },
        backtrace: frames.collect(),
        omitted: fault.omitted.map(|(after, count)| OmittedObject {
            after,
            count: count.to_string(),
        }),
        abort_code: fault.abort_code,
        trap: facts.trap,
        types: fault.types.map(|[wanted, found]| TypesObject {
            wanted: wanted.into(),
            found: found.into(),
        }),
        module: facts.module.as_deref(),
        initialiser: facts.initialiser.as_deref(),
        import: facts.import.as_deref(),
        library: facts.library.as_deref(),
        message: fault.message.as_deref(),
        allocations: allocations.collect(),
    })
}

pub(super) fn problem(reporter: &Reporter<'_>, problem: &Problem, names: Names<'_>) -> String {
    let offset = problem.text_offset(names);
    let text = offset.and_then(|offset| names.instruction(offset));
    let function = offset.and_then(|offset| names.function_around(offset));
    let code_place = offset.and_then(|offset| names.code(offset));
    let mut details = serde_json::Map::new();
    for (label, text) in &problem.details {
        let text = serde_json::Value::from(text.as_str());
        match details.entry(label.replace(' ', "_")) {
            serde_json::map::Entry::Vacant(entry) => {
                entry.insert(text);
            }
            // Several facts of one name are a list.
            serde_json::map::Entry::Occupied(mut entry) => match entry.get_mut() {
                serde_json::Value::Array(list) => list.push(text),
                first => *first = vec![first.clone(), text].into(),
            },
        }
    }
    line(&ProblemObject {
        version: VERSION,
        kind: "error",
        code: problem.code,
        message: &problem.message,
        exit_status: problem.exit_status,
        file_offset: problem.file_offset.map(|offset| offset.to_string()),
        source: offset
            .and_then(|offset| names.place(offset))
            .map(|place| source(&place, Some(reporter))),
        instruction: offset.map(|offset| InstructionObject {
            offset,
            mnemonic: names.mnemonic(offset),
            text: text.as_deref(),
            function: function.as_deref(),
            place: code_place.as_deref(),
        }),
        import: problem.import.and_then(|import| names.import(import)),
        details,
        hints: &problem.hints,
    })
}

pub(super) fn warning(file: &str, warning: &ReadWarning) -> String {
    line(&WarningObject {
        version: VERSION,
        kind: "warning",
        code: warning.code.code(),
        message: &warning.message,
        file,
        file_offset: warning.offset.to_string(),
    })
}

fn line(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("strings and numbers always have a JSON form")
}
