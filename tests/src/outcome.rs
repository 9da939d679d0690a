//! Comparing what was seen of a run with what must be seen.

use cvm::fault::Fault;
use cvm::verify::Module;
use cvm_spec::image::{Image, SymbolKind};
use cvm_spec::pointer::{Pointer, Tag};

use crate::case::{ExpectedEnd, ExpectedFault, Place, Run};
use crate::engine::Observation;
use crate::escape::escape;

/// Compares a run with its expectations.
///
/// # Errors
/// Every difference, one a line.
pub fn compare(
    run: &Run,
    seen: &Observation,
    module: &Module,
    case_file: &str,
) -> Result<(), String> {
    let mut complaints = Vec::new();
    match (&run.end, &seen.fault) {
        (ExpectedEnd::Exit(status), None) if *status == seen.status => {}
        (ExpectedEnd::Exit(status), None) => {
            complaints.push(format!("exit status {}, expected {status}", seen.status));
        }
        (ExpectedEnd::Exit(status), Some(fault)) => {
            let place = place_of(fault.registers.ip, module.image());
            complaints.push(format!(
                "fault {} at {}, expected exit status {status}",
                fault.code.code(),
                show_place(&place)
            ));
        }
        (ExpectedEnd::Fault(expected), None) => complaints.push(format!(
            "exit status {}, expected the fault {}",
            seen.status,
            expected.code.code()
        )),
        (ExpectedEnd::Fault(expected), Some(fault)) => {
            compare_fault(expected, fault, module.image(), case_file, &mut complaints);
            if seen.status != fault.code.class().exit_status() {
                complaints.push(format!("exit status {}", seen.status));
            }
        }
    }
    if let (Some(names), Some(fault)) = (&run.backtrace, &seen.fault) {
        let found: Vec<String> = fault
            .backtrace
            .iter()
            .map(|frame| module.function_name(frame.function))
            .collect();
        if *names != found {
            complaints.push(format!("backtrace {found:?}, expected {names:?}"));
        }
    }
    if let Some(stdout) = &run.stdout {
        compare_output("standard output", stdout, &seen.stdout, &mut complaints);
    }
    compare_output("standard error", &run.stderr, &seen.stderr, &mut complaints);
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(complaints.join("\n")),
    }
}

/// Compares two engines' views of one run.
///
/// # Errors
/// What differs.
pub fn compare_engines(one: &Observation, other: &Observation) -> Result<(), String> {
    if one.status != other.status {
        return Err(format!("exit status {} and {}", one.status, other.status));
    }
    if one.fault != other.fault {
        return Err(format!("fault {:#?}\nand {:#?}", one.fault, other.fault));
    }
    if one.stdout != other.stdout || one.stderr != other.stderr {
        return Err("different output".into());
    }
    match (one.fuel, other.fuel) {
        (Some(one), Some(other)) if one != other => Err(format!("fuel {one} and {other}")),
        _ => Ok(()),
    }
}

fn compare_output(what: &str, expected: &[u8], found: &[u8], complaints: &mut Vec<String>) {
    if expected == found {
        return;
    }
    let same = expected
        .iter()
        .zip(found)
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(40);
    let part = |bytes: &[u8]| escape(&bytes[from.min(bytes.len())..bytes.len().min(from + 200)]);
    complaints.push(format!(
        "{what} differs from byte {same}:\n  expected …{}\n  found    …{}",
        part(expected),
        part(found)
    ));
}

fn compare_fault(
    expected: &ExpectedFault,
    fault: &Fault,
    image: &Image,
    case_file: &str,
    complaints: &mut Vec<String>,
) {
    if fault.code != expected.code {
        complaints.push(format!(
            "fault {}, expected {}",
            fault.code.code(),
            expected.code.code()
        ));
    }
    if let Some(place) = &expected.place {
        let wanted = Place {
            file: Some(place.file.clone().unwrap_or(case_file.to_string())),
            line: place.line,
        };
        let found = place_of(fault.registers.ip, image);
        if found.as_ref() != Some(&wanted) {
            complaints.push(format!(
                "the fault is at {}, expected {}",
                show_place(&found),
                show_place(&Some(wanted))
            ));
        }
    }
    for (key, wanted) in &expected.facts {
        match fact(key, fault, image) {
            Some(found) if found == *wanted => {}
            Some(found) => complaints.push(format!("{key} is {found}, expected {wanted}")),
            None => complaints.push(format!("the fault has no {key}, expected {wanted}")),
        }
    }
}

/// A fact of a fault, as directives write it.
fn fact(key: &str, fault: &Fault, image: &Image) -> Option<String> {
    let access = fault.access.as_ref();
    match key {
        "address" => Some(access?.pointer.to_string()),
        "segment" => Some(access?.pointer.tag().name().replace(' ', "-")),
        "size" => Some(access?.segment_size.to_string()),
        "width" => Some(access?.width.to_string()),
        "symbol" => symbol_at(access?.pointer, image),
        "instruction" => Some(fault.opcode?.mnemonic().to_string()),
        "code" => Some(fault.abort_code?.to_string()),
        "osp" => Some(fault.registers.osp.to_string()),
        "csp" => Some(fault.registers.csp.to_string()),
        "fp" => Some(fault.registers.fp.to_string()),
        _ => {
            let name = key.strip_prefix("operand.")?;
            let (_, cell) = fault.operands.iter().find(|(known, _)| *known == name)?;
            Some((*cell as i64).to_string())
        }
    }
}

/// The object that an address belongs to: the last one that begins at or below it, with the distance.
fn symbol_at(pointer: Pointer, image: &Image) -> Option<String> {
    if !matches!(pointer.tag(), Tag::Data | Tag::Bss) {
        return None;
    }
    let offset = |value: u32| u64::from(value & 0x1fff_ffff);
    let symbol = image
        .symbols
        .iter()
        .filter(|symbol| symbol.kind == SymbolKind::Object)
        .filter(|symbol| symbol.value >> 29 == pointer.tag() as u32)
        .filter(|symbol| symbol.size > 0 && offset(symbol.value) <= pointer.offset())
        .max_by_key(|symbol| offset(symbol.value))?;
    let name = image.string(symbol.name)?;
    let distance = pointer.offset() - offset(symbol.value);
    Some(match distance {
        0 => name.to_string(),
        _ => format!("{name}+{distance}"),
    })
}

fn place_of(ip: u32, image: &Image) -> Option<Place> {
    let line = image.line_at(ip)?;
    let name = image.string(*image.sources.get(usize::from(line.source))?)?;
    let file = name.rsplit('/').next().unwrap_or(name);
    Some(Place {
        file: Some(file.to_string()),
        line: line.line,
    })
}

/// The source line of a run's fault.
pub fn fault_line(seen: &Observation, image: &Image) -> Option<u32> {
    let fault = seen.fault.as_ref()?;
    place_of(fault.registers.ip, image).map(|place| place.line)
}

fn show_place(place: &Option<Place>) -> String {
    match place {
        Some(Place { file, line }) => format!("{}:{line}", file.as_deref().unwrap_or("")),
        None => "no source line".into(),
    }
}
