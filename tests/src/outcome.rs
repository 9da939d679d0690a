//! Comparing what was seen of a run with what must be seen.
//!
//! Facts of a fault are taken from its report in JSON, so that what is compared is what users get.

use cvm::fault::Fault;
use cvm::report::Reporter;
use cvm::verify::Module;
use cvm_spec::pointer::{Pointer, Tag};
use serde_json::Value;

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
            let report = Reporter::new().image(module.image()).fault_text(fault);
            complaints.push(format!("expected exit status {status}, found\n{report}"));
        }
        (ExpectedEnd::Fault(expected), None) => complaints.push(format!(
            "exit status {}, expected the fault {}",
            seen.status,
            expected.code.code()
        )),
        (ExpectedEnd::Fault(expected), Some(fault)) => {
            compare_fault(expected, fault, module, case_file, &mut complaints);
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

fn is_overflow(seen: &Observation) -> bool {
    let code = seen.fault.as_ref().map(|fault| fault.code);
    code == Some(cvm_spec::fault::FaultCode::CallStackOverflow)
}

/// Compares two engines' views of one run.
///
/// # Errors
/// What differs.
pub fn compare_engines(one: &Observation, other: &Observation) -> Result<(), String> {
    if one.status != other.status {
        return Err(format!("exit status {} and {}", one.status, other.status));
    }
    if is_overflow(one) && is_overflow(other) {
        // Where the call stack is full depends on the engine, and so does what was done before.
        return Ok(());
    }
    let (fault, other_fault) = (comparable(&one.fault), comparable(&other.fault));
    if fault != other_fault {
        return Err(format!("fault {fault:#?}\nand {other_fault:#?}"));
    }
    if one.stdout != other.stdout || one.stderr != other.stderr {
        return Err("different output".into());
    }
    match (one.fuel, other.fuel) {
        (Some(one), Some(other)) if one != other => Err(format!("fuel {one} and {other}")),
        _ => Ok(()),
    }
}

/// A fault without the addresses that C chose, which differ from run to run.
fn comparable(fault: &Option<Box<Fault>>) -> Option<Box<Fault>> {
    let mut fault = fault.clone()?;
    let is_of_c = |cell: u64| Pointer(cell).tag() == Tag::Absolute && cell >= 1 << 32;
    for (_, value) in &mut fault.operands {
        if is_of_c(*value) {
            *value = 1 << 32;
        }
    }
    if let Some(access) = &mut fault.access
        && is_of_c(access.pointer.0)
    {
        access.pointer = Pointer(1 << 32);
    }
    for block in &mut fault.allocations {
        block.address = 1 << 32;
    }
    Some(fault)
}

/// The source line of a run's fault.
pub fn fault_line(seen: &Observation, module: &Module) -> Option<u32> {
    let report = report_of(seen.fault.as_ref()?, module).ok()?;
    reported_place(&report).map(|place| place.line)
}

fn compare_output(what: &str, expected: &[u8], found: &[u8], complaints: &mut Vec<String>) {
    if expected == found {
        return;
    }
    let pairs = expected.iter().zip(found);
    let same = pairs.take_while(|(a, b)| a == b).count();
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
    module: &Module,
    case_file: &str,
    complaints: &mut Vec<String>,
) {
    let code = expected.code.code();
    let text = Reporter::new().image(module.image()).fault_text(fault);
    if fault.code != expected.code {
        complaints.push(format!("expected the fault {code}, found\n{text}"));
        return;
    }
    if !text.contains(code) {
        complaints.push(format!("the report does not name the code {code}:\n{text}"));
    }
    let report = match report_of(fault, module) {
        Ok(report) => report,
        Err(error) => return complaints.push(error),
    };
    if report["code"] != code || report["exit_status"] != fault.exit_status() {
        complaints.push(format!("the report's code or status is wrong: {report}"));
    }
    if report["hint"].as_str().is_none_or(str::is_empty) {
        complaints.push("the report has no hint".into());
    }
    if let Some(place) = &expected.place {
        let wanted = Place {
            file: Some(place.file.clone().unwrap_or(case_file.to_string())),
            line: place.line,
        };
        let found = reported_place(&report);
        if found.as_ref() != Some(&wanted) {
            complaints.push(format!(
                "the fault is at {}, expected {}",
                show_place(&found),
                show_place(&Some(wanted.clone()))
            ));
        }
        let shown = show_place(&Some(wanted));
        if !text.contains(&shown) {
            complaints.push(format!("the report in text does not name {shown}:\n{text}"));
        }
    }
    for (key, wanted) in &expected.facts {
        match fact(key, &report) {
            Some(found) if found == *wanted => {}
            Some(found) => complaints.push(format!("{key} is {found}, expected {wanted}")),
            None => complaints.push(format!("the report has no {key}, expected {wanted}")),
        }
    }
}

fn report_of(fault: &Fault, module: &Module) -> Result<Value, String> {
    let json = Reporter::new().image(module.image()).fault_json(fault);
    if json.trim_end().contains('\n') {
        return Err(format!("the report in JSON is not one line:\n{json}"));
    }
    serde_json::from_str(&json).map_err(|error| format!("the report is no JSON: {error}\n{json}"))
}

/// A fact of a fault, as directives write it.
fn fact(key: &str, report: &Value) -> Option<String> {
    let access = &report["access"];
    match key {
        "address" => {
            let pointer: u64 = access["pointer"].as_str()?.parse().ok()?;
            Some(Pointer(pointer).to_string())
        }
        "segment" => Some(access["segment"].as_str()?.replace(' ', "-")),
        "size" => text(&access["segment_size"]),
        "width" => text(&access["width"]),
        "symbol" => {
            let symbol = &access["symbol"];
            let (name, distance) = (symbol["name"].as_str()?, symbol["distance"].as_str()?);
            Some(match distance {
                "0" => name.to_string(),
                _ if distance.starts_with('-') => format!("{name}{distance}"),
                _ => format!("{name}+{distance}"),
            })
        }
        "module" | "initialiser" => text(&report[key]),
        "instruction" => text(&report["instruction"]["mnemonic"]),
        "code" => text(&report["abort_code"]),
        "osp" | "csp" | "fp" => text(&report["registers"][key]),
        "operands" => {
            let operands = report["operands"].as_array().map_or(&[][..], Vec::as_slice);
            let names: Vec<&str> = operands.iter().filter_map(|o| o["name"].as_str()).collect();
            Some(match names.is_empty() {
                true => "none".into(),
                false => names.join(","),
            })
        }
        _ => {
            let name = key.strip_prefix("operand.")?;
            let operands = report["operands"].as_array()?;
            let operand = operands.iter().find(|operand| operand["name"] == name)?;
            let cell: u64 = operand["value"].as_str()?.parse().ok()?;
            Some((cell as i64).to_string())
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The place that a report names.
fn reported_place(report: &Value) -> Option<Place> {
    let source = &report["source"];
    let file = source["file"].as_str()?;
    Some(Place {
        file: Some(file.rsplit('/').next().unwrap_or(file).to_string()),
        line: u32::try_from(source["line"].as_u64()?).ok()?,
    })
}

fn show_place(place: &Option<Place>) -> String {
    match place {
        Some(Place { file, line }) => format!("{}:{line}", file.as_deref().unwrap_or("")),
        None => "no source line".into(),
    }
}
