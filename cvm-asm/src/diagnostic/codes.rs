//! The one table of diagnostic codes: variant, code, severity, title and explanation.
//!
//! `cvm-asm --explain CODE` prints a row. A code is an interface: it is never reused for something else.

use super::Severity;

macro_rules! diagnostics {
    ($($name:ident $code:literal $severity:ident $title:literal $explanation:literal;)*) => {
        /// A diagnostic's code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DiagnosticCode { $(#[doc = $title] $name,)* }

        impl DiagnosticCode {
            /// All codes, in the order of the table.
            pub const ALL: &'static [DiagnosticCode] = &[$(DiagnosticCode::$name),*];

            /// The stable code, a kebab-case word.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// Error or warning, before `--deny` and `--allow`.
            pub const fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity),* } }
            /// One line: what it is about.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title),* } }
            /// A paragraph or more: when it is raised, why, and what to do.
            pub const fn explanation(self) -> &'static str { match self { $(Self::$name => $explanation),* } }
        }
    };
}

impl DiagnosticCode {
    /// The code of a word.
    pub fn from_code(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.code() == word)
    }
}

diagnostics! {
    // Files and characters.
    InvalidUtf8 "invalid-utf8" Error "source is not UTF-8"
        "A source file is UTF-8 text. The byte that is shown cannot stand there. Save the file as UTF-8, or bring binary contents in with .incbin.";
    UnexpectedCharacter "unexpected-character" Error "a character that begins nothing"
        "No token of the language begins with this character. Comments begin with `;`, strings stand in double quotes, character numbers in single quotes.";
    UnterminatedString "unterminated-string" Error "a string without its closing quote"
        "A string or character ends on the line on which it begins. Write a line break as \\n, and a quote inside as \\\".";
    InvalidEscape "invalid-escape" Error "an unknown escape in a string"
        "The escapes are \\n \\r \\t \\0 \\a \\b \\f \\v \\e \\\\ \\\" \\' \\xHH (one byte) and \\u{H…} (a character, as UTF-8).";
    InvalidNumber "invalid-number" Error "a number that cannot be read"
        "Numbers are 123, 0x1F, 0b1010, 0o17 and 'c', with _ between digits and a suffix K, M or G (powers of 1024); floats are 1.5, 1e-9, 0x1.8p3, inf, nan and nan:0x123.";

    // Shape of statements.
    UnexpectedToken "unexpected-token" Error "something else was expected here"
        "The statement does not go on like this. The message says what was found and what could stand there.";
    UnknownMnemonic "unknown-mnemonic" Error "no such instruction, directive or macro"
        "A statement begins with an instruction's mnemonic, a directive or the name of a macro that is defined above.";
    UnknownDirective "unknown-directive" Error "no such directive"
        "Words that begin with a dot are directives (.data, .func) or, with a colon behind them, local labels.";
    MissingOperand "missing-operand" Error "an operand is missing"
        "The instruction or directive needs more operands than were given.";
    ExtraOperand "extra-operand" Error "an operand too many"
        "The instruction or directive takes fewer operands than were given. Statements end with their line; comments begin with `;`.";
    WrongOperand "wrong-operand" Error "an operand of the wrong kind"
        "The instruction or directive does not take an operand of this kind.";
    MisplacedStatement "misplaced-statement" Error "a statement that cannot stand here"
        "Instructions stand inside .func … .end; data directives in .data or .bss; declare inside a function.";
    UnclosedBlock "unclosed-block" Error "a block without its end"
        ".func and .struct end with .end, .macro with .endm, .if with .endif, .repeat with .endrepeat. The second place is where the block began.";
    UnmatchedEnd "unmatched-end" Error "an end without its block"
        "This directive closes a block, but no block of its kind is open here.";

    // Names.
    UndefinedName "undefined-name" Error "a name that is not defined"
        "Neither this function nor the program defines the name. Locals and .labels belong to one function; everything else is shared by all source files of the program.";
    DuplicateName "duplicate-name" Error "a name that is defined twice"
        "Labels, functions, imports and constants of a program share one set of names; arguments, locals and .labels share one set in their function. The second place is the first definition.";
    ReservedName "reserved-name" Error "a name that means something else"
        "The word is part of the language and cannot name something of the program's own.";
    CyclicDefinition "cyclic-definition" Error "a constant that depends on itself"
        "The value of the constant, or the size of something that it measures, needs the constant itself.";
    WrongSegment "wrong-segment" Error "a label that lies in another segment"
        "The prefix of an operand names the segment that the label must lie in: d: data, b: bss, t: text, l: the function's frame. The message says where the label is defined.";
    WrongKind "wrong-kind" Error "a name of the wrong kind"
        "The name is defined, but it is not what this place needs, for example a data label where a function is called.";

    // Values.
    DivisionByZero "division-by-zero" Error "an expression divides by zero"
        "The right side of / or % is zero when the program is assembled.";
    OutOfRange "out-of-range" Error "a value that does not fit"
        "The value does not fit into the bytes or the range that this place has for it.";
    NotConstant "not-constant" Error "a value that is not known here"
        "This place needs a value when it is read, so it can only use numbers and what is defined above it, no labels whose place is not known yet.";
    TypeMismatch "type-mismatch" Error "a float where an integer is needed, or the other way round"
        "Expressions are over 64-bit integers. A float stands alone, where a directive or push takes one.";
    OutsideObject "outside-object" Error "a constant access outside its object"
        "The bytes that the instruction reads or writes are known when it is assembled and do not lie inside the object. The verifier would reject the program.";
    TooLarge "too-large" Error "the program exceeds a limit"
        "A segment, function, frame or table is larger than the format allows. spec/machine.md lists the limits.";

    // Stack depth and flow.
    FallsOffEnd "falls-off-end" Error "a function runs past its end"
        "The last instruction that can be reached must not go on to the next one: end with ret, jmp, a tail call, halt, abort or brk.";
    StackUnderflow "stack-underflow" Error "an instruction pops more than there is"
        "The operand stack's depth is known at every instruction. The instruction needs more cells than the code before it leaves.";
    StackMismatch "stack-mismatch" Error "two paths meet with different depths"
        "The operand stack has one depth at each place, on whichever path it is reached. The second place is another way to get there.";
    ArityMismatch "arity-mismatch" Error "wrong number of arguments or results"
        "The number of arguments or results does not agree with the definition.";

    // Macros, conditions, files.
    MacroRecursion "macro-recursion" Error "macros that call each other without end"
        "Expansions stand inside each other too deeply. A macro that calls itself needs an .if that ends it.";
    FileNotFound "file-not-found" Error "an included file cannot be read"
        ".include and .incbin look beside the file that names them, then in the directories given with -I, in order.";
    IncludeRecursion "include-recursion" Error "a file that includes itself"
        "The file is being read already. Put what both need into a third file, or guard it with .ifndef.";
    UserError "user-error" Error "a message of .error or .assert"
        "The program itself asked for this message.";

    // Program.
    NoEntry "no-entry" Error "the entry is missing or wrong"
        ".entry NAME names the function at which the program starts. It takes no arguments and has at most one result, the exit status.";
    UnknownHostFunction "unknown-host-function" Error "no such host function"
        "The machine provides the functions of spec/host.md in the namespace sys. Other namespaces belong to programs that embed the machine.";

    InvalidImage "invalid-image" Error "text in the exact form that spells no valid image"
        "A source that begins with `.exact 1` spells every field of the file. Each line can be read, but the file that they make breaks a rule of spec/format.md, which the message names with the byte at which it would be found.";

    // Warnings.
    UserWarning "user-warning" Warning "a message of .warning"
        "The program itself asked for this message.";
    UnreachableCode "unreachable-code" Warning "instructions that no path reaches"
        "Nothing jumps here and the instruction before does not go on. The code is kept but never runs.";
    UnusedLabel "unused-label" Warning "a label that nothing uses"
        "No instruction or expression names this local label. Remove it, or begin its name with `._` to keep it.";
    UnusedLocal "unused-local" Warning "a local that nothing uses"
        "No instruction names this local. Remove the declare, or begin its name with `_` to keep it.";
    WriteToData "write-to-data" Warning "a write into the data segment"
        "The base of this write is a data pointer that is known when the program is assembled. The data segment is read-only, so the write faults when it runs. Put the object into .bss; it may have initial contents there.";
    MissingSymbol "missing-symbol" Warning "a C library without the symbol that is imported"
        "The library is on this host and exports nothing of this name. Macros and inline functions of a header have no symbol. The program would be refused when it is loaded here.";
    MissingLibrary "missing-library" Warning "a C library that is not on this host"
        "The library is in none of the directories given with -L nor where the system keeps libraries, or it cannot be read. The program can still run on a host that has it.";
}
