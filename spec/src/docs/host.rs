//! `spec/host.md`: the machine's own functions and their errors.

use std::fmt::Write;

use super::{GENERATED, cell};
use crate::host::{HOST_FUNCTIONS, HostError};

const INTRODUCTION: &str = "\
Host functions are the machine's own imports, in the namespace `sys`. They need no C library and no foreign access. A
program declares those that it uses, with their counts of arguments and results, and calls them by name:

```text
.host sys.write (file, buffer, length) -> count

    push 1
    push d:hello
    push hello_len
    call sys.write
```

Every argument and result is one cell. A buffer is a pointer into a segment, and is checked over its whole length before
anything happens: a buffer that does not fit faults, as a read or write by an instruction would. A failure that is not the
program's mistake comes back as a negative cell, one of the errors below; it never faults. Lengths, counts and indices are
unsigned.

Files exist only under the directories that `--dir` grants. Numbers 0, 1 and 2 are standard input, output and error.
";

/// The page.
pub fn page() -> String {
    let mut page = format!("# Host functions\n\n{GENERATED}\n\n{INTRODUCTION}\n## Functions\n\n");
    page.push_str("| function | what it does |\n|---|---|\n");
    for function in HOST_FUNCTIONS {
        let result = match function.results {
            [] => String::new(),
            results => format!(" -> {}", results.join(", ")),
        };
        let _ = writeln!(
            page,
            "| <a id=\"{0}\"></a>`sys.{0} ({1}){result}` | {2} |",
            function.name,
            function.args.join(", "),
            cell(function.doc)
        );
    }
    page.push_str("\n## Errors\n\n| cell | name | meaning |\n|---|---|---|\n");
    for error in HostError::ALL {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            error.cell() as i64,
            error.name(),
            cell(error.doc())
        );
    }
    page
}
