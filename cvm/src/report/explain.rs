//! `cvm explain`: what a code means. The tables of faults, verifier rules, reader rules and other errors are the only
//! source.

use cvm_spec::fault::FaultCode;
use cvm_spec::host::HostError;
use cvm_spec::image::link::LinkCode;
use cvm_spec::image::reader::{ReadCode, WarningCode};

use super::problem::PROBLEMS;
use crate::verify::Rule;

/// What is known of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What kind of code it is: `fault`, `verifier rule`, `image rule`, `image warning`, `link rule`, `error`, `host function error`.
    pub kind: &'static str,
    /// Exit status of `cvm run`, if it ends a run.
    pub exit_status: Option<u8>,
    /// One line.
    pub title: &'static str,
    /// A paragraph; the same as the title where there is no more to say.
    pub text: &'static str,
    /// What to do.
    pub hint: Option<&'static str>,
}

/// Everything that has a code, kind by kind.
pub fn explanations() -> Vec<Explanation> {
    let faults = FaultCode::ALL.iter().map(|fault| Explanation {
        code: fault.code(),
        kind: "fault",
        exit_status: Some(fault.class().exit_status()),
        title: fault.title(),
        text: fault.explanation(),
        hint: Some(fault.hint()),
    });
    let rules = Rule::ALL.iter().map(|rule| Explanation {
        code: rule.code(),
        kind: "verifier rule",
        exit_status: Some(132),
        title: rule.explanation(),
        text: rule.explanation(),
        hint: None,
    });
    let reader = ReadCode::ALL.iter().map(|code| Explanation {
        code: code.code(),
        kind: "image rule",
        exit_status: Some(65),
        title: code.rule(),
        text: code.explanation(),
        hint: None,
    });
    let warnings = WarningCode::ALL.iter().map(|code| Explanation {
        code: code.code(),
        kind: "image warning",
        exit_status: None,
        title: code.rule(),
        text: code.explanation(),
        hint: None,
    });
    let linker = LinkCode::ALL.iter().map(|code| Explanation {
        code: code.code(),
        kind: "link rule",
        exit_status: Some(code.exit_status()),
        title: code.rule(),
        text: code.explanation(),
        hint: None,
    });
    let problems = PROBLEMS.iter().map(|problem| Explanation {
        code: problem.code,
        kind: "error",
        exit_status: Some(problem.exit_status),
        title: first_sentence(problem.explanation),
        text: problem.explanation,
        hint: None,
    });
    let host = HostError::ALL.iter().map(|error| Explanation {
        code: error.name(),
        kind: "host function error",
        exit_status: None,
        title: error.doc(),
        text: error.doc(),
        hint: None,
    });
    faults
        .chain(rules)
        .chain(reader)
        .chain(warnings)
        .chain(linker)
        .chain(problems)
        .chain(host)
        .collect()
}

/// What a code means. Two kinds can use the same word.
pub fn explain(code: &str) -> Vec<Explanation> {
    let mut found = explanations();
    found.retain(|explanation| explanation.code == code);
    found
}

fn first_sentence(text: &'static str) -> &'static str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_within_their_kind() {
        let all = explanations();
        for (index, one) in all.iter().enumerate() {
            let same = |other: &Explanation| (other.kind, other.code) == (one.kind, one.code);
            assert!(!all[..index].iter().any(same), "{}", one.code);
            assert!(!one.text.is_empty() && !one.title.is_empty());
        }
    }

    #[test]
    fn every_kind_of_code_is_explained() {
        for code in [
            "write-to-data",
            "stack-underflow",
            "bad-magic",
            "dangling-debug",
            "not-permitted",
            "no-space",
        ] {
            assert!(!explain(code).is_empty(), "{code}");
        }
        assert!(explain("no-such-code").is_empty());
    }
}
