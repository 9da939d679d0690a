//! One script of the suite on one engine: its modules and assertions in order.

use std::collections::BTreeMap;
use std::collections::HashMap;

use cvm::machine::Engine;
use cvm_spec::image::Image;
use cvm_wasm::TranslateError;
use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::instance::{Instance, Outcome, Refusal, check, shared};

/// What came of the assertions of a script, or of several.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    /// One line for each.
    pub(crate) failed: Vec<String>,
    /// Number of assertions by reason.
    pub(crate) skipped: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}

/// Assertions that are about modules that share functions, memories, tables or globals.
pub(crate) const LINKING: &str = "linking";
/// Assertions that only the parser of the text format can fail.
pub(crate) const TEXT: &str = "text";
/// Assertions about modules that use a feature which is refused.
pub(crate) const FEATURE: &str = "feature";

/// What became of an assertion.
enum Verdict {
    Passed,
    Failed(String),
    Skipped(&'static str),
}

/// A module of the script.
enum Slot {
    Ready(Box<Instance>),
    Skipped(&'static str),
}

struct Script<'s> {
    name: &'s str,
    text: &'s str,
    engine: Engine,
    slots: Vec<Slot>,
    named: HashMap<String, usize>,
    /// The bytes of each module.
    bytes: Vec<Vec<u8>>,
    /// Modules that later ones may import from.
    registered: Vec<usize>,
    /// Those of them that hold no state, by name.
    modules: Vec<(String, Image)>,
    tally: Tally,
}

/// Runs a script.
pub(crate) fn run(name: &str, text: &str, engine: Engine) -> Tally {
    let mut script = Script {
        name,
        text,
        engine,
        slots: Vec::new(),
        named: HashMap::new(),
        bytes: Vec::new(),
        registered: Vec::new(),
        modules: Vec::new(),
        tally: Tally::default(),
    };
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(error) => {
            script.tally.failed.push(format!("{name}: {error}"));
            return script.tally;
        }
    };
    match parser::parse::<Wast<'_>>(&buffer) {
        Ok(wast) => {
            for directive in wast.directives {
                script.directive(directive);
            }
        }
        Err(error) => script.tally.failed.push(format!("{name}: {error}")),
    }
    script.tally
}

impl Script<'_> {
    fn directive(&mut self, directive: WastDirective<'_>) {
        let (line, _) = directive.span().linecol_in(self.text);
        let verdict = match directive {
            WastDirective::Module(module) => {
                self.module(module, line + 1);
                return;
            }
            WastDirective::Register { module, name, .. } => {
                let Some(number) = self.number(module) else {
                    return;
                };
                self.registered.push(number);
                self.modules.retain(|(known, _)| known != name);
                if let Some(image) = shared(&self.bytes[number]) {
                    self.modules.push((name.to_string(), image));
                }
                return;
            }
            WastDirective::Invoke(invoke) => match self.invoke(invoke) {
                Ok(Outcome::Returned(_)) => Verdict::Passed,
                Ok(other) => Verdict::Failed(format!("{other:?}")),
                Err(verdict) => verdict,
            },
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.assert_trap(WastExecute::Invoke(call), message)
            }
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertMalformed { module, .. } => assert_refused(module),
            WastDirective::AssertUnlinkable { .. } => Verdict::Skipped(LINKING),
            _ => Verdict::Skipped(FEATURE),
        };
        match verdict {
            Verdict::Passed => self.tally.passed += 1,
            Verdict::Skipped(reason) => *self.tally.skipped.entry(reason).or_default() += 1,
            Verdict::Failed(what) => {
                let (name, line) = (self.name, line + 1);
                self.tally.failed.push(format!("{name}:{line}: {what}"));
            }
        }
    }

    fn module(&mut self, mut module: QuoteWat<'_>, line: usize) {
        let encoded = module.encode();
        self.bytes.push(match &encoded {
            Ok(bytes) => bytes.clone(),
            Err(_) => Vec::new(),
        });
        let slot = match encoded {
            Err(error) => {
                let failure = format!("{}:{line}: {error}", self.name);
                self.tally.failed.push(failure);
                Slot::Skipped("after a failure")
            }
            Ok(bytes) => match Instance::new(&bytes, self.engine, &self.modules) {
                Ok(instance) => Slot::Ready(Box::new(instance)),
                Err(Refusal::Linking) => {
                    self.leave_registered();
                    Slot::Skipped(LINKING)
                }
                Err(Refusal::Translation(TranslateError::Unsupported { .. })) => {
                    Slot::Skipped(FEATURE)
                }
                Err(Refusal::Translation(error)) => self.defect(line, &error.to_string()),
                Err(Refusal::Trap(message)) => {
                    self.defect(line, &format!("instantiation traps: {message}"))
                }
                Err(Refusal::Defect(message)) => self.defect(line, &message),
            },
        };
        self.slots.push(slot);
        if let Some(name) = module.name() {
            self.named
                .insert(name.name().to_string(), self.slots.len() - 1);
        }
    }

    fn defect(&mut self, line: usize, message: &str) -> Slot {
        let failure = format!("{}:{line}: {message}", self.name);
        self.tally.failed.push(failure);
        Slot::Skipped("after a failure")
    }

    /// Number of the module with this name, or of the last one.
    fn number(&self, id: Option<wast::token::Id<'_>>) -> Option<usize> {
        match id {
            Some(id) => self.named.get(id.name()).copied(),
            None => self.slots.len().checked_sub(1),
        }
    }

    /// A module was left out that would have shared what registered modules export: what they hold is not what the
    /// script expects from here on.
    fn leave_registered(&mut self) {
        for number in &self.registered {
            self.slots[*number] = Slot::Skipped(LINKING);
        }
    }

    fn instance(&mut self, id: Option<wast::token::Id<'_>>) -> Result<&mut Instance, Verdict> {
        match self
            .number(id)
            .and_then(|number| self.slots.get_mut(number))
        {
            Some(Slot::Ready(instance)) => Ok(instance),
            Some(Slot::Skipped(reason)) => Err(Verdict::Skipped(reason)),
            None => Err(Verdict::Failed("there is no such module".into())),
        }
    }

    fn invoke(&mut self, invoke: WastInvoke<'_>) -> Result<Outcome, Verdict> {
        let mut args = Vec::new();
        for argument in &invoke.args {
            args.push(cell(argument).ok_or(Verdict::Skipped(FEATURE))?);
        }
        Ok(self.instance(invoke.module)?.call(invoke.name, &args))
    }

    /// An action, or the instantiation of a module.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Outcome, Verdict> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Get { module, global, .. } => {
                let value = self.instance(module)?.global(global);
                Ok(match value {
                    Some(value) => Outcome::Returned(vec![value]),
                    None => Outcome::Defect(format!("no global {global}")),
                })
            }
            WastExecute::Wat(mut module) => {
                let bytes = module
                    .encode()
                    .map_err(|error| Verdict::Failed(error.to_string()))?;
                match Instance::new(&bytes, self.engine, &self.modules) {
                    Ok(_) => Ok(Outcome::Returned(Vec::new())),
                    Err(Refusal::Trap(message)) => Ok(Outcome::Trap(message)),
                    Err(Refusal::Linking) => {
                        self.leave_registered();
                        Err(Verdict::Skipped(LINKING))
                    }
                    Err(Refusal::Translation(TranslateError::Unsupported { .. })) => {
                        Err(Verdict::Skipped(FEATURE))
                    }
                    Err(Refusal::Translation(error)) => Err(Verdict::Failed(error.to_string())),
                    Err(Refusal::Defect(message)) => Err(Verdict::Failed(message)),
                }
            }
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, wanted: &[WastRet<'_>]) -> Verdict {
        let results = match self.execute(exec) {
            Ok(Outcome::Returned(results)) => results,
            Ok(other) => return Verdict::Failed(format!("{other:?}")),
            Err(verdict) => return verdict,
        };
        let is_right = results.len() == wanted.len()
            && results
                .iter()
                .zip(wanted)
                .all(|(cell, wanted)| match wanted {
                    WastRet::Core(wanted) => matches(*cell, wanted),
                    _ => false,
                });
        match is_right {
            true => Verdict::Passed,
            false => Verdict::Failed(format!("got {results:x?}, expected {wanted:x?}")),
        }
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, wanted: &str) -> Verdict {
        match self.execute(exec) {
            // The suite adds the element's number to some messages.
            Ok(Outcome::Trap(found)) if wanted.starts_with(&found) => Verdict::Passed,
            Ok(Outcome::Returned(results)) => {
                Verdict::Failed(format!("returned {results:x?}, expected a trap: {wanted}"))
            }
            Ok(other) => Verdict::Failed(format!("{other:?}, expected the trap: {wanted}")),
            Err(verdict) => verdict,
        }
    }
}

/// A module that must not be translated.
fn assert_refused(mut module: QuoteWat<'_>) -> Verdict {
    // Whether text is well-formed is the business of the parser that this test uses.
    let Ok(bytes) = module.encode() else {
        return Verdict::Skipped(TEXT);
    };
    match check(&bytes) {
        Err(TranslateError::Import { .. }) => Verdict::Skipped(LINKING),
        Err(_) => Verdict::Passed,
        Ok(()) => Verdict::Failed("a wrong module is translated".into()),
    }
}

fn cell(argument: &WastArg<'_>) -> Option<u64> {
    let WastArg::Core(argument) = argument else {
        return None;
    };
    Some(match argument {
        // Sign-extended: the upper half of an argument's cell does not count.
        WastArgCore::I32(value) => i64::from(*value) as u64,
        WastArgCore::I64(value) => *value as u64,
        WastArgCore::F32(value) => u64::from(value.bits) | 0x5555_5555 << 32,
        WastArgCore::F64(value) => value.bits,
        WastArgCore::RefNull(_) => 0,
        WastArgCore::RefExtern(value) => u64::from(*value) + 1,
        _ => return None,
    })
}

fn matches(cell: u64, wanted: &WastRetCore<'_>) -> bool {
    let quiet_32 = 0x7fc0_0000;
    let quiet_64 = 0x7ff8_0000_0000_0000;
    match wanted {
        WastRetCore::I32(value) => cell == u64::from(*value as u32),
        WastRetCore::I64(value) => cell == *value as u64,
        WastRetCore::F32(NanPattern::Value(value)) => cell == u64::from(value.bits),
        WastRetCore::F32(NanPattern::CanonicalNan) => cell & !(1 << 31) == quiet_32,
        WastRetCore::F32(NanPattern::ArithmeticNan) => {
            cell >> 32 == 0 && cell & quiet_32 == quiet_32
        }
        WastRetCore::F64(NanPattern::Value(value)) => cell == value.bits,
        WastRetCore::F64(NanPattern::CanonicalNan) => cell & !(1 << 63) == quiet_64,
        WastRetCore::F64(NanPattern::ArithmeticNan) => cell & quiet_64 == quiet_64,
        WastRetCore::RefNull(_) => cell == 0,
        WastRetCore::RefExtern(Some(value)) => cell == u64::from(*value) + 1,
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(None) => cell != 0,
        WastRetCore::Either(all) => all.iter().any(|one| matches(cell, one)),
        _ => false,
    }
}
