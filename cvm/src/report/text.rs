//! Reports as text (`spec/machine.md`, "Fault reports").

use cvm_spec::fault::FaultCode;
use cvm_spec::image::reader::ReadWarning;

use super::Reporter;
use super::escape::escaped;
use super::facts::{Access, Facts, bytes};
use super::names::Names;
use super::problem::Problem;
use super::sheet::Sheet;
use crate::fault::Tried;

pub(super) fn fault(reporter: &Reporter<'_>, facts: &Facts<'_>) -> String {
    let fault = facts.fault;
    let mut sheet = Sheet::new(reporter);
    sheet.title("fault", fault.code.title(), fault.code.code());
    if let Some(place) = &facts.place {
        sheet.source(reporter, place, facts.function.as_deref());
    }
    if let Some(trap) = facts.trap {
        sheet.row("trap", trap);
    }
    if let Some(access) = &facts.access {
        sheet.row("tried", &tried(facts, access));
        sheet.row("segment", &access.segment);
    }
    if let Some(code) = fault.abort_code {
        sheet.row("code", &code.to_string());
    }
    if let Some([wanted, found]) = fault.types {
        sheet.row("call's type", &function_type(wanted));
        sheet.row("function's", &function_type(found));
    }
    if let Some(message) = &fault.message {
        sheet.row("message", &escaped(message));
    }
    if let (Some(import), None) = (&facts.import, &facts.access) {
        match &facts.library {
            Some(library) => sheet.row("import", &format!("{import} of {library}")),
            None => sheet.row("import", import),
        }
    }
    allocations(&mut sheet, facts);
    sheet.row("instruction", &instruction(facts));
    sheet.rows("operands", operands(facts));
    let registers = fault.registers;
    sheet.row(
        "registers",
        &format!(
            "ip t:{:#x}  osp {}  csp {:#x}  fp {:#x}",
            registers.ip, registers.osp, registers.csp, registers.fp
        ),
    );
    sheet.rows("backtrace", backtrace(facts));
    if let Some(initialiser) = &facts.initialiser {
        let text = format!("while `{initialiser}` initialised its module, before the entry");
        sheet.row("started", &text);
    }
    sheet.row("hint", fault.code.hint());
    if facts.lacks_lines && facts.trap.is_none() {
        sheet.row(
            "note",
            "assemble with -g to see source lines and the names of locals",
        );
    }
    sheet.finish()
}

/// Blocks of C memory that are listed; JSON has all.
const BLOCKS: usize = 10;

/// Where blocks of C memory came from and where they went.
fn allocations(sheet: &mut Sheet, facts: &Facts<'_>) {
    let blocks = &facts.allocations;
    let mut lines: Vec<String> = blocks
        .iter()
        .take(BLOCKS)
        .map(|block| {
            format!(
                "{} at {:#x} by {} in {}",
                bytes(block.size),
                block.address,
                block.function,
                block.allocated.spell()
            )
        })
        .collect();
    if blocks.len() > BLOCKS {
        lines.push(format!("… {} more blocks", blocks.len() - BLOCKS));
    }
    sheet.rows("allocated", lines);
    let freed = blocks
        .iter()
        .take(BLOCKS)
        .filter_map(|block| block.freed.as_ref());
    sheet.rows("freed", freed.map(|place| format!("in {}", place.spell())));
}

/// What the program wanted to do, and where.
fn tried(facts: &Facts<'_>, access: &Access) -> String {
    let refused = &access.refused;
    let action = match refused.tried {
        Tried::Read => format!("to read {} at", bytes(refused.width)),
        Tried::Write => format!("to write {} at", bytes(refused.width)),
        Tried::Jump => "to jump to".into(),
        Tried::Call => "to call".into(),
    };
    let actor = match &facts.import {
        Some(import) if facts.library.is_some() => format!("C was given a pointer by {import}, "),
        Some(import) => format!("{import} was asked "),
        None => String::new(),
    };
    let relation = match access.relation.as_str() {
        "" => String::new(),
        relation => format!(": {relation}"),
    };
    format!("{actor}{action} {}{relation}", refused.pointer)
}

fn function_type((args, results, brand): (u16, u16, u32)) -> String {
    let brand = match brand {
        0 => String::new(),
        brand => format!(", brand {brand}"),
    };
    format!("({args}) -> {results}{brand}")
}

fn instruction(facts: &Facts<'_>) -> String {
    let mnemonic = facts.fault.opcode.map(|opcode| opcode.mnemonic());
    let text = facts.instruction.as_deref().or(mnemonic);
    let ip = facts.fault.registers.ip;
    let place = match &facts.code_place {
        Some(place) => format!("t:{ip:#x} ({place})"),
        None => format!("t:{ip:#x}"),
    };
    match text {
        Some(text) => format!("{text}  at {place}"),
        None => format!("at {place}"),
    }
}

fn operands(facts: &Facts<'_>) -> Vec<String> {
    let operands = &facts.operands;
    let hex = |value: u64| format!("{value:#x}");
    let names = operands.iter().map(|o| o.name.len()).max().unwrap_or(0);
    let values = operands
        .iter()
        .map(|o| hex(o.value).len())
        .max()
        .unwrap_or(0);
    operands
        .iter()
        .map(|operand| {
            let note = match &operand.note {
                Some(note) => note.clone(),
                None => (operand.value as i64).to_string(),
            };
            let (name, value) = (operand.name, hex(operand.value));
            format!("{name:<names$}  {value:<values$}  {note}")
        })
        .collect()
}

/// Frames that are listed at the inner and at the outer end of a long backtrace; JSON has more.
const INNER: usize = 16;
const OUTER: usize = 8;

/// A line for each frame, and one for those that were left out.
fn backtrace(facts: &Facts<'_>) -> Vec<String> {
    let frames = &facts.frames;
    let digits = frames
        .last()
        .map_or(0, |frame| frame.depth.to_string().len());
    let names = frames.iter().map(|frame| frame.code_place.chars().count());
    let width = names.max().unwrap_or(0).min(40);
    let outer = match frames.len() {
        count if count > INNER + OUTER => count - OUTER,
        _ => 0,
    };
    let is_listed = |position: &usize| *position < INNER || *position >= outer;
    let mut lines = Vec::new();
    let mut next = 0;
    for frame in (0..frames.len()).filter(is_listed).map(|n| &frames[n]) {
        if frame.depth > next {
            lines.push(format!("… {} more frames", frame.depth - next));
        }
        next = frame.depth.saturating_add(1);
        if let Some(foreign) = &frame.foreign {
            lines.push(format!("{:>digits$}  {}", "C", foreign.spell()));
        }
        let place = frame.place.as_ref().map_or(String::new(), |p| p.spell());
        let line = format!(
            "{:>digits$}  {:<width$}  {place}",
            frame.depth, frame.code_place
        );
        lines.push(line.trim_end().to_string());
    }
    if facts.fault.code == FaultCode::CallStackOverflow
        && let Some(cycle) = recursion(facts)
    {
        lines.push(format!("(recursion: {cycle})"));
    }
    lines
}

/// The functions that call each other over and over, if the innermost frames show it.
fn recursion(facts: &Facts<'_>) -> Option<String> {
    let frames = &facts.frames;
    let names = |range: std::ops::Range<usize>| frames.get(range);
    // The innermost frame may be inside a function that the cycle calls last; look behind it.
    for length in 1..=8usize {
        let (first, second) = (names(1..1 + length)?, names(1 + length..1 + 2 * length)?);
        let same = first.iter().zip(second).all(|(a, b)| a.ip == b.ip);
        if same {
            let cycle: Vec<&str> = first
                .iter()
                .rev()
                .map(|frame| frame.name.as_str())
                .collect();
            return Some(format!("{} → {}", cycle.join(" → "), cycle.first()?));
        }
    }
    None
}

pub(super) fn problem(reporter: &Reporter<'_>, problem: &Problem, names: Names<'_>) -> String {
    let mut sheet = Sheet::new(reporter);
    sheet.title("error", &escaped(&problem.message), problem.code);
    let offset = problem.text_offset(names);
    if let Some(place) = offset.and_then(|offset| names.place(offset)) {
        let function = offset.and_then(|offset| names.function_around(offset));
        sheet.source(reporter, &place, function.as_deref());
    }
    if let Some(offset) = problem.file_offset {
        sheet.row("at byte", &format!("{offset} ({offset:#x})"));
    }
    if let Some(offset) = offset {
        let place = names
            .code(offset)
            .map_or(String::new(), |place| format!(" ({place})"));
        let text = names
            .instruction(offset)
            .map_or(String::new(), |text| format!("{text}  "));
        sheet.row("instruction", &format!("{text}at t:{offset:#x}{place}"));
    }
    for (label, text) in &problem.details {
        sheet.row(label, &escaped(text));
    }
    for hint in &problem.hints {
        sheet.row("hint", &escaped(hint));
    }
    sheet.finish()
}

pub(super) fn warning(reporter: &Reporter<'_>, file: &str, warning: &ReadWarning) -> String {
    let mut sheet = Sheet::new(reporter);
    let message = escaped(&warning.message);
    sheet.title("warning", &message, warning.code.code());
    let (offset, file) = (warning.offset, escaped(file));
    sheet.row("at byte", &format!("{offset} ({offset:#x}) of `{file}`"));
    sheet.finish()
}
