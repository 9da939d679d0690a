//! Errors of the caller or of a file, in one form for reports: what [`crate::verify`] and [`crate::machine`] refuse.

use cvm_spec::image::link::LinkError;
use cvm_spec::image::reader::{ReadCode, ReadError};

use super::names::Names;
use crate::machine::MachineError;
use crate::verify::{ModuleError, VerifyError};

/// A kind of error that belongs neither to the image reader nor to the verifier.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode {
    /// The stable code, a kebab-case word.
    pub code: &'static str,
    /// Exit status of `cvm`.
    pub exit_status: u8,
    /// When it is reported, and what to do.
    pub explanation: &'static str,
}

/// Exit status for an image that the reader rejects.
const BAD_FILE: u8 = 65;
/// Exit status for an image that the verifier rejects.
const UNVERIFIABLE: u8 = 132;

/// Errors outside the image reader and the verifier.
pub const PROBLEMS: &[ProblemCode] = &[
    ProblemCode {
        code: "usage",
        exit_status: 64,
        explanation: "The command line cannot be understood, or asks for something that this build does not have. `cvm help` and `cvm help run` list what there is.",
    },
    ProblemCode {
        code: "missing-file",
        exit_status: 66,
        explanation: "The file does not exist or cannot be read. Check the name and the directory.",
    },
    ProblemCode {
        code: "not-an-image",
        exit_status: 65,
        explanation: "The file is of another kind: a directory, an ELF executable, a WebAssembly module, or assembly text whose name does not end in .cvma. cvm runs images (.cvm) and assembles sources that end in .cvma.",
    },
    ProblemCode {
        code: "source-errors",
        exit_status: 1,
        explanation: "The assembly source has errors; each is reported above with its place.",
    },
    ProblemCode {
        code: "no-entry",
        exit_status: 65,
        explanation: "The image is a module and not a program: it has no entry. Give it one with `.entry NAME`, or call an exported function with `--invoke NAME`.",
    },
    ProblemCode {
        code: "missing-import",
        exit_status: 65,
        explanation: "The program imports a host function that this machine does not have. `cvm run` offers the namespace `sys`; other namespaces come from programs that embed the machine.",
    },
    ProblemCode {
        code: "import-type",
        exit_status: 65,
        explanation: "The program declares a host function with other counts of arguments or results than the function has. Correct its `.host` line.",
    },
    ProblemCode {
        code: "module-unreadable",
        exit_status: 66,
        explanation: "A file of the search path has the name of a module that the program imports, and it cannot be read.",
    },
    ProblemCode {
        code: "unsupported-import",
        exit_status: 65,
        explanation: "The program imports something that this version cannot provide: it belongs to a module that the program was not linked with. `cvm run` links it; a program that embeds the machine does so with `cvm::loader`.",
    },
    ProblemCode {
        code: "not-permitted",
        exit_status: 77,
        explanation: "The program imports a C function. C code can do whatever the process can, so nothing foreign runs unless it is allowed with --allow-ffi or --allow-ffi=LIBRARY.",
    },
    ProblemCode {
        code: "foreign-unavailable",
        exit_status: 77,
        explanation: "The program imports a C function and --allow-ffi allows it, but this build of the machine cannot call C functions: it was built without the feature `ffi`, which needs Linux on x86-64.",
    },
    ProblemCode {
        code: "missing-library",
        exit_status: 66,
        explanation: "The program imports something of a shared library that is in none of the places where libraries are looked for: the directories given with -L, LD_LIBRARY_PATH, those of /etc/ld.so.conf, and the system's own. Install it, or name its directory with -L.",
    },
    ProblemCode {
        code: "missing-dependency",
        exit_status: 66,
        explanation: "The program's library is there, but one that it needs itself is not. Install that one, or name its directory with LD_LIBRARY_PATH.",
    },
    ProblemCode {
        code: "unusable-library",
        exit_status: 65,
        explanation: "The library exists and the dynamic linker refuses it: it is damaged, of another architecture, or no library at all.",
    },
    ProblemCode {
        code: "missing-symbol",
        exit_status: 65,
        explanation: "The library exports nothing of this name. Names of C functions can differ from what a header calls them: macros and inline functions have no symbol. A version can be asked for as `name@VERSION`.",
    },
    ProblemCode {
        code: "no-memory",
        exit_status: 137,
        explanation: "The host cannot provide the memory that the program starts with, or the program asks for a larger heap than --max-heap allows.",
    },
    ProblemCode {
        code: "output-failed",
        exit_status: 74,
        explanation: "Writing the program's output failed, for example because the disk is full: at the end, when the program could not see it, or earlier, and the program ended with status 0 all the same. A reader that closed its end of a pipe is no failure.",
    },
];

/// An error to be reported.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The stable code.
    pub code: &'static str,
    /// One line: what is wrong.
    pub message: String,
    /// Exit status of `cvm`.
    pub exit_status: u8,
    /// Byte offset in the file, for errors of the reader.
    pub file_offset: Option<u64>,
    /// Text offset of the instruction, for errors of the verifier.
    pub instruction: Option<u32>,
    /// Index of the import that it is about.
    pub import: Option<u32>,
    /// More facts, as (label, text).
    pub details: Vec<(&'static str, String)>,
    /// What to do.
    pub hints: Vec<String>,
}

impl Problem {
    /// An error with a code of [`PROBLEMS`]; the table has its exit status.
    pub fn new(code: &'static str, message: impl Into<String>) -> Problem {
        let row = PROBLEMS.iter().find(|row| row.code == code);
        Problem::with_status(code, row.map_or(1, |row| row.exit_status), message.into())
    }

    fn with_status(code: &'static str, exit_status: u8, message: String) -> Problem {
        Problem {
            code,
            message,
            exit_status,
            file_offset: None,
            instruction: None,
            import: None,
            details: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hints.push(hint.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Problem {
        self.details.push((label, text.into()));
        self
    }

    fn about_import(mut self, import: u32) -> Problem {
        self.import = Some(import);
        self
    }

    /// The instruction to show: the one that breaks a rule, or the first call of the import.
    pub(super) fn text_offset(&self, names: Names<'_>) -> Option<u32> {
        self.instruction
            .or_else(|| self.import.and_then(|import| names.first_call(import)))
    }
}

impl From<&ReadError> for Problem {
    fn from(error: &ReadError) -> Problem {
        let problem = Problem::with_status(error.code, BAD_FILE, "not a CVM image".into());
        let rule = ReadCode::from_code(error.code);
        let mut problem = problem
            .detail("expected", &error.expected)
            .detail("found", &error.found);
        if let Some(rule) = rule {
            problem = problem.detail("rule", rule.rule());
        }
        problem.file_offset = Some(error.offset);
        problem.hint(format!("`cvm explain {}` says more", error.code))
    }
}

impl From<&LinkError> for Problem {
    fn from(error: &LinkError) -> Problem {
        let status = error.exit_status();
        let code = error.code;
        let mut problem = Problem::with_status(code.code(), status, error.message.clone());
        problem.details = error.details();
        problem = problem.detail("rule", code.rule());
        if let Some(near) = &error.near {
            problem = problem.hint(format!("did you mean `{near}`?"));
        }
        problem.hint(format!("`cvm explain {}` says more", code.code()))
    }
}

impl From<&VerifyError> for Problem {
    fn from(error: &VerifyError) -> Problem {
        let message = format!("the verifier rejects the program: {}", error.message);
        let mut problem = Problem::with_status(error.rule.code(), UNVERIFIABLE, message)
            .detail("rule", error.rule.explanation());
        problem.instruction = Some(error.offset);
        problem.hint(format!("`cvm explain {}` says more", error.rule.code()))
    }
}

impl From<&ModuleError> for Problem {
    fn from(error: &ModuleError) -> Problem {
        match error {
            ModuleError::Image(error) => error.into(),
            ModuleError::Verify(error) => error.into(),
        }
    }
}

impl From<&MachineError> for Problem {
    fn from(error: &MachineError) -> Problem {
        match error {
            MachineError::MissingImport {
                import,
                name,
                suggestion,
            } => {
                let message = format!("nothing provides the host function `{name}`");
                let problem = Problem::new("missing-import", message).about_import(*import);
                match suggestion {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                }
            }
            MachineError::ImportType {
                import,
                name,
                wanted,
                found,
            } => Problem::new(
                "import-type",
                format!("the host function `{name}` has another type than the program declares"),
            )
            .about_import(*import)
            .detail("declared", format!("({}) -> {}", wanted.0, wanted.1))
            .detail("provided", format!("({}) -> {}", found.0, found.1)),
            MachineError::NotPermitted {
                import,
                library,
                name,
                flag,
            } => Problem::new(
                "not-permitted",
                format!("the program imports the C function `{name}` of `{library}`, which is not permitted"),
            )
            .about_import(*import)
            .hint(format!("`cvm run {flag}` would allow it, if you trust the program")),
            MachineError::Unsupported {
                import,
                name,
                reason,
            } => Problem::new(
                "unsupported-import",
                format!("the import `{name}` cannot be resolved: {reason}"),
            )
            .about_import(*import),
            #[cfg(feature = "ffi")]
            MachineError::Foreign { import, error } => foreign(error).about_import(*import),
            MachineError::Memory(error) => Problem::new("no-memory", error.to_string()).hint(
                "the heap is limited by --max-heap, the call stack by --call-stack",
            ),
            MachineError::Compiler(message) => Problem::new("no-memory", message.clone())
                .hint("run it with `--engine interp`"),
            MachineError::NoEntry(message) => Problem::new("no-entry", message)
                .hint("`cvm run --invoke NAME` calls an exported function; `cvm info` lists them"),
        }
    }
}

/// Where something was looked for, one place a line.
#[cfg(feature = "ffi")]
fn looked_at(problem: Problem, tried: &[std::path::PathBuf]) -> Problem {
    tried.iter().fold(problem, |problem, path| {
        problem.detail("looked at", path.display().to_string())
    })
}

#[cfg(feature = "ffi")]
fn foreign(error: &crate::ffi::ForeignError) -> Problem {
    use crate::ffi::ForeignError;
    let message = error.to_string();
    match error {
        ForeignError::NoLibrary { tried, .. } => {
            looked_at(Problem::new("missing-library", message), tried)
                .hint("install it, or name its directory with -L")
        }
        ForeignError::NoDependency {
            needed_by, tried, ..
        } => looked_at(
            Problem::new("missing-dependency", message)
                .detail("needed by", needed_by.display().to_string()),
            tried,
        )
        .hint("install it, or name its directory with LD_LIBRARY_PATH"),
        ForeignError::NotLoadable { .. } => Problem::new("unusable-library", message),
        ForeignError::NotGranted { object, .. } => {
            let file = std::path::Path::new(object).file_name().unwrap_or_default();
            let file = file.to_string_lossy();
            Problem::new("not-permitted", message).hint(format!(
                "import it from `{file}`; `cvm run --allow-ffi={file}` would allow it, if you trust the program"
            ))
        }
        ForeignError::NoSymbol {
            path,
            near,
            versions,
            ..
        } => {
            let mut problem = Problem::new("missing-symbol", message);
            if let Some(path) = path {
                problem = problem.detail("library", path.display().to_string());
            }
            if !versions.is_empty() {
                problem = problem.detail("versions", versions.join(", "));
            }
            match near.as_slice() {
                [] => problem,
                near => {
                    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                    problem.hint(format!("did you mean {}?", near.join(" or ")))
                }
            }
        }
    }
}
