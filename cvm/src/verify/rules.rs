//! The verifier's rules, one table: code and explanation.

macro_rules! rules {
    ($($name:ident $code:literal $explanation:literal;)*) => {
        /// A rule of the verifier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $(#[doc = $explanation] $name,)* }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Rule] = &[$(Rule::$name),*];
            /// The stable code, a kebab-case word.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// What the rule demands.
            pub const fn explanation(self) -> &'static str { match self { $(Self::$name => $explanation),* } }
        }
    };
}

rules! {
    UnknownOpcode "unknown-opcode" "Every byte where an instruction begins is an opcode.";
    TruncatedInstruction "truncated-instruction" "An instruction ends inside its function.";
    SwitchSize "switch-size" "A switch has 1 to 1,048,576 targets.";
    JumpOutsideFunction "jump-outside-function" "Jumps stay inside their function.";
    JumpIntoInstruction "jump-into-instruction" "A jump's target is the first byte of an instruction.";
    FallsOffEnd "falls-off-end" "No path runs past the last instruction of a function.";
    StackUnderflow "stack-underflow" "The operand stack holds what an instruction pops.";
    DepthMismatch "depth-mismatch" "The operand stack has the same depth on all paths to an instruction.";
    TooManyCells "too-many-cells" "Arguments, private locals and operands of one function take at most 60,000 cells together.";
    LandStack "land-stack" "The operand stack is empty at a `land`.";
    JumpIndirectStack "jmp-i-stack" "At `jmp_i` the operand stack holds the target and nothing else.";
    BadFunctionIndex "bad-function-index" "The function that a call names exists.";
    BadImportIndex "bad-import-index" "The import that a call names exists, and is a function or an object of a C library.";
    BadTypeIndex "bad-type-index" "The type that an indirect call names exists.";
    WrongTypeKind "wrong-type-kind" "`call_i` and `ret_call_i` name a function type, `call_xi` a foreign type.";
    ResultCount "result-count" "A tail call's target has as many results as the function that makes it.";
    ReservedTag "reserved-tag" "A short pointer's tag is not 110 or 111.";
    ConstantOutOfBounds "constant-out-of-bounds" "A constant address lies within 0..=size of its segment.";
    ConstantAccess "constant-access" "An access at a constant address that nothing is added to lies inside its segment, which must allow it.";
    LocalNotObject "local-not-object" "`push l:` and the indexed immediate forms name the first byte of an argument or a declared object.";
    LocalOutOfBounds "local-out-of-bounds" "`i_read l:`, `f_read l:` and their writes lie inside one argument or declared object.";
    DeclareSize "declare-size" "A declared object has at least one cell.";
    FrameTooLarge "frame-too-large" "All objects of a frame take at most 2^28 bytes together.";
}
