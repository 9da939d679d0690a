//! Looks at the machine code of every handler: each must end in a jump to the next one, or the native stack would
//! grow with every instruction.
//!
//! `cargo test --release -p cvm tail_calls -- --nocapture` prints the count for the release build.

use std::collections::BTreeMap;

use iced_x86::{Decoder, DecoderOptions, FlowControl};
use object::{Object, ObjectSection, ObjectSymbol};

use super::list::{HANDLERS, NAMES};

/// Handlers that only ever stop.
const STOPPING: &[&str] = &["breakpoint", "abort", "halt", "finish"];

#[test]
fn every_handler_ends_in_an_indirect_jump() {
    let executable = std::fs::read("/proc/self/exe").expect("the test's own file can be read");
    let file = object::File::parse(&*executable).expect("it is an executable");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings can be read");
    let base = maps
        .split('-')
        .next()
        .and_then(|start| u64::from_str_radix(start, 16).ok())
        .expect("the first mapping is the executable's");
    let sizes: BTreeMap<u64, u64> = file
        .symbols()
        .filter(|symbol| symbol.size() > 0)
        .map(|symbol| (symbol.address(), symbol.size()))
        .collect();
    let text = file.section_by_name(".text").expect("there is code");
    let bytes = text.data().expect("the code can be read");
    let mut wrong = Vec::new();
    for (handler, name) in HANDLERS.iter().zip(NAMES) {
        let address = *handler as usize as u64 - base;
        let size = sizes.get(&address).expect("every handler has a symbol");
        let start = (address - text.address()) as usize;
        let code = &bytes[start..start + *size as usize];
        let (mut jumps, mut calls) = (0, 0);
        for instruction in Decoder::with_ip(64, code, address, DecoderOptions::NONE) {
            match instruction.flow_control() {
                FlowControl::IndirectBranch => jumps += 1,
                // A call through a fixed place is one of another crate's functions, not of a handler.
                FlowControl::IndirectCall if !instruction.is_ip_rel_memory_operand() => calls += 1,
                _ => {}
            }
        }
        // Those that call C by themselves do so once.
        let allowed =
            usize::from(name.starts_with("call_words") || name.starts_with("call_doubles"));
        let is_right = calls == allowed && (jumps > 0) != STOPPING.contains(name);
        if !is_right {
            wrong.push(format!(
                "{name}: {jumps} indirect jumps, {calls} indirect calls"
            ));
        }
    }
    let stopping = STOPPING.len();
    let going_on = HANDLERS.len() - stopping;
    println!(
        "{} of {going_on} end in an indirect jump; {stopping} stop",
        going_on.saturating_sub(wrong.len())
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
