//! Faults: one table of codes with exit status, message and explanation.
//!
//! A fault is what a guest program did wrong. Its code is a stable kebab-case word; `spec/faults.md` and `cvm
//! explain` print this table.

/// What kind of event a fault is; decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// A check of memory, jumps, calls or permissions failed, or the call stack overflowed: 139.
    Protection,
    /// Arithmetic has no result: 136.
    Arithmetic,
    /// The program stopped itself: 134.
    Abort,
    /// A limit that the caller set was reached: 137.
    Limit,
}

impl FaultClass {
    /// The exit status of `cvm run`.
    pub const fn exit_status(self) -> u8 {
        match self {
            FaultClass::Protection => 139,
            FaultClass::Arithmetic => 136,
            FaultClass::Abort => 134,
            FaultClass::Limit => 137,
        }
    }

    /// The class's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            FaultClass::Protection => "protection fault",
            FaultClass::Arithmetic => "arithmetic fault",
            FaultClass::Abort => "abort",
            FaultClass::Limit => "limit reached",
        }
    }
}

macro_rules! faults {
    ($($name:ident $code:literal $class:ident $title:literal $hint:literal $explanation:literal;)*) => {
        /// A fault's code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaultCode { $(#[doc = $title] $name,)* }

        impl FaultCode {
            /// All codes.
            pub const ALL: &'static [FaultCode] = &[$(FaultCode::$name),*];

            /// The stable code, a kebab-case word.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// Its class.
            pub const fn class(self) -> FaultClass { match self { $(Self::$name => FaultClass::$class),* } }
            /// One line: what went wrong.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title),* } }
            /// One line: what to do about it.
            pub const fn hint(self) -> &'static str { match self { $(Self::$name => $hint),* } }
            /// A paragraph: when it is raised, why, and how to avoid it.
            pub const fn explanation(self) -> &'static str { match self { $(Self::$name => $explanation),* } }
        }
    };
}

faults! {
    ReadOutOfBounds "read-out-of-bounds" Protection "read past the end of a segment"
        "compare the index with the object's size before reading"
        "The bytes that the instruction wanted to read do not all lie inside the segment that the base pointer's tag names. The check is made on the base's offset plus the operand offset, as unsigned numbers, with the whole width of the access; an offset can never move a pointer into another segment.";
    WriteOutOfBounds "write-out-of-bounds" Protection "write past the end of a segment"
        "compare the index with the object's size before writing"
        "The bytes that the instruction wanted to write do not all lie inside the segment that the base pointer's tag names. Nothing was written.";
    ReadFromText "read-from-text" Protection "read from the text segment"
        "code is not data: keep constants in .data and read them through d:"
        "The base pointer is a text pointer. Program text can be jumped to and called, but never read.";
    WriteToText "write-to-text" Protection "write to the text segment"
        "code cannot be changed while it runs: keep variables in .bss and write them through b:"
        "The base pointer is a text pointer. Program text can never be written.";
    WriteToData "write-to-data" Protection "write to the data segment"
        "data holds constants: declare the object in .bss (it may have initial contents) and use b:"
        "The base pointer is a data pointer. The data segment holds constants and is read-only; an object that changes belongs in .bss, where it may have initial contents.";
    ReadOutsideObject "read-outside-local" Protection "read outside the local object that the operand names"
        "compare the offset with the object's size, 8 bytes a cell, before reading"
        "A computed offset in the immediate form (`q_read l:buf`) is checked against the object that the operand names, not against the frame: it reached outside.";
    WriteOutsideObject "write-outside-local" Protection "write outside the local object that the operand names"
        "compare the offset with the object's size, 8 bytes a cell, before writing"
        "A computed offset in the immediate form (`q_write l:buf`) is checked against the object that the operand names, not against the frame: it reached outside. Nothing was written.";
    DanglingLocal "dangling-local" Protection "access through a pointer into a frame that has returned"
        "a local object ends with its function: return a copy, or keep the object in .bss or on the heap"
        "The pointer has the tag l: and its offset is at or above csp, the top of the addressable call stack: the frame that it pointed into has returned, or the pointer runs past the top frame.";
    NullPointer "null-pointer" Protection "access through a null pointer"
        "check the pointer against 0 before using it"
        "The address has tag 000 (absolute) and lies below 64 KiB: it is null, or null plus a small offset.";
    AbsoluteAccess "absolute-access" Protection "access to absolute memory without a grant"
        "run with --allow-ffi if the program is meant to use C memory"
        "The pointer has tag 000: it is a C address. Absolute memory is out of reach until foreign access is granted with --allow-ffi.";
    ReservedSegment "reserved-segment" Protection "access through a pointer with the reserved tag 110"
        "no valid pointer has this tag: the cell was not a pointer, or arithmetic overflowed into its tag"
        "Tag 110 names no segment. A pointer gets it only from arithmetic on its upper bits or from a number that never was a pointer.";
    UpperHalf "upper-half-address" Protection "access through a pointer with tag 111, the upper half of the address space"
        "a negative number was used as a pointer, or an offset was subtracted from a null pointer"
        "Tag 111 stands for the upper half of the absolute address space, which belongs to the operating system's kernel. Small negative numbers used as pointers have this tag.";
    NonCanonical "non-canonical-address" Protection "access to an absolute address that is not canonical"
        "the pointer's upper bits were changed: keep C pointers as they are"
        "Bits 60 to 48 of an absolute address must repeat bit 47. They do not, so no memory can be there.";
    UnmappedAddress "unmapped-address" Protection "access to absolute memory that is not mapped or not permitted"
        "the C memory was freed, never existed, or is read-only"
        "The operating system refused the access: nothing is mapped at the absolute address, or it is mapped without the permission that the access needs.";
    UnterminatedString "unterminated-string" Protection "a C string has no end inside its segment"
        "end the string with a NUL byte: .asciiz writes one"
        "A foreign function's argument of type `cstr` must hold a NUL byte between the pointer and the end of its segment. C would read on past the end.";
    ForeignNotGranted "foreign-not-granted" Protection "call of a C function in a library that is not granted"
        "run with --allow-ffi, or add the library to the list of --allow-ffi"
        "Foreign access is granted for a list of libraries, and the C function pointer that `call_xi` got names a function outside them.";
    CallbackOnOtherThread "callback-on-other-thread" Protection "C called back on another thread"
        "let C call back on the thread that called it; a machine runs on one thread at a time"
        "A C function pointer that was made of a CVM function was called on a thread other than the one that runs the machine, or while no run was going on. The callback did not run and gave zero. The fault is raised at the next foreign call that returns, or when the run ends.";
    LeafCalledBack "leaf-called-back" Protection "a C function that is declared a leaf called back"
        "leave `leaf` out of the declaration of a function that calls back"
        "A foreign function whose declaration ends with `leaf` promises not to call back. It did: the callback did not run and gave zero. The fault is raised when the leaf function returns.";
    UseAfterFree "use-after-free" Protection "access to C memory that was freed"
        "do not use the block after it was freed; the report says where that was"
        "With --check-foreign: the access, or the argument of a C function, lies in a block that the program gave back.";
    OutsideAllocation "outside-allocation" Protection "access outside a block of C memory"
        "compare the offset with the size that was allocated"
        "With --check-foreign: the access begins in a block whose size the machine knows (or its base does), and is not inside it as a whole.";
    DoubleFree "double-free" Protection "C memory freed twice"
        "free a block once; the report says where it was freed first"
        "With --check-foreign: the block was freed before.";
    InvalidFree "invalid-free" Protection "free of something that was not allocated"
        "give `free` the pointer that the allocating function gave"
        "With --check-foreign: the pointer leads into the middle of a block, or into a segment of the machine, whose memory is not C's.";
    ForeignLeak "foreign-leak" Protection "C memory that was never freed"
        "free every block before the program ends"
        "With --check-foreign: when the program ended, blocks that C functions had allocated for it were not freed. The report says where each was allocated.";
    ForeignCrash "foreign-crash" Abort "a C function crashed"
        "look at the arguments: C does not check what it is given"
        "C code raised SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT while a foreign function ran. The state of the C library is unknown, so `cvm` ends with this report; nothing is flushed. Programs that embed the machine have reports only if they ask for them.";
    JumpToNonText "jump-to-non-text" Protection "indirect jump to a pointer that is not a text pointer"
        "take the target with push t:label, or from a table of text pointers"
        "`jmp_i` needs a text pointer. The popped cell has another tag: it points into data, or is no pointer at all.";
    JumpToNonLand "jump-to-non-land" Protection "indirect jump to a place that is no `land` of this function"
        "put a `land` at the target, inside the same function"
        "`jmp_i` may only reach a `land` instruction of the function that it stands in. The text pointer names another place.";
    CallToNonFunction "call-to-non-function" Protection "indirect call to a pointer that is not a function's entry"
        "take the target with push t:function"
        "`call_i` needs a text pointer to the first instruction of a function. The popped cell is something else.";
    CallTypeMismatch "call-type-mismatch" Protection "indirect call to a function of another type"
        "make the call's argument and result counts (and brand) those of the function"
        "The function that the text pointer names exists, but its type is not the one that the call states. Argument count, result count and brand must all agree.";
    CallStackOverflow "call-stack-overflow" Protection "the call stack is full"
        "look for recursion without end in the backtrace, or raise --call-stack"
        "A call found no room for the frame of the called function: too many frames, or frames too large.";
    DivideByZero "divide-by-zero" Arithmetic "integer division by zero"
        "check the divisor before dividing"
        "The divisor of an integer division or remainder is 0.";
    IntegerOverflow "integer-overflow" Arithmetic "integer division overflow"
        "the smallest integer divided by -1 has no result: check for it before dividing"
        "The smallest signed integer was divided by -1; the quotient does not fit. (Addition, subtraction and multiplication wrap and never fault; the remainder in this case is 0.)";
    InvalidConversion "invalid-conversion" Arithmetic "float cannot be converted to an integer"
        "check the range first, or use the _sat form, which saturates"
        "The float is NaN, infinite, or its integral part does not fit the integer type. The conversions with _sat saturate instead.";
    AbortCalled "abort" Abort "the program called abort"
        "the code is the program's own: look for `abort` at the line shown"
        "The program executed `abort`; the code stands in the report.";
    Breakpoint "breakpoint" Abort "the program reached a breakpoint"
        "remove `brk`, or run in a debugger"
        "The program executed `brk` and no debugger is attached.";
    OutOfFuel "out-of-fuel" Limit "the program used up its fuel"
        "raise --fuel if the program is right, or look for a loop without end"
        "The run was started with --fuel and the next block of instructions costs more than is left.";
    Timeout "timeout" Limit "the program ran longer than its time limit"
        "raise --timeout if the program is right, or look for a loop without end"
        "The run was started with --timeout and the time is over. It is noticed at calls and at the ends of loops.";
    Interrupted "interrupted" Limit "the program was interrupted by its host"
        "the embedding program asked it to stop"
        "The embedding program used the machine's interrupt handle.";
    OutOfMemory "out-of-memory" Limit "the host has no memory for the program"
        "lower --max-heap or --call-stack, or free memory on the host"
        "The machine could not get memory that the program is entitled to. (`heap_grow` beyond the limit is no fault: it gives -1.)";
    ImportNotAvailable "import-not-available" Protection "call of an import that this machine does not provide"
        "provide the import, or do not call it"
        "The program called an import that was not resolved when it was loaded.";
    HostFault "host-fault" Abort "a host function failed"
        "see the message: the embedding program raised it"
        "A host function that the embedding program registered returned an error; its text stands in the report.";
}

/// Groups of faults that an instruction can raise, as named in the table of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultGroup {
    /// A load at a computed address.
    Read,
    /// A store at a computed address.
    Write,
    /// A load at a constant address: only an absolute one can fault.
    ReadConstant,
    /// A store at a constant address: only an absolute one can fault.
    WriteConstant,
    /// Signed division.
    Divide,
    /// Unsigned division, and both remainders.
    DivideUnsigned,
    /// Float to integer.
    Conversion,
    /// `jmp_i`.
    JumpTarget,
    /// Indirect calls.
    CallTarget,
    /// Any call.
    CallStack,
    /// A call that leaves the program.
    Import,
    /// `ptr_to_host`, `ptr_from_host`.
    PointerTranslation,
    /// `abort`.
    Abort,
    /// `brk`.
    Breakpoint,
}

impl FaultGroup {
    /// The codes in the group.
    pub const fn codes(self) -> &'static [FaultCode] {
        use FaultCode::*;
        match self {
            Self::Read => &[
                ReadOutOfBounds,
                ReadFromText,
                ReadOutsideObject,
                DanglingLocal,
                NullPointer,
                AbsoluteAccess,
                ReservedSegment,
                UpperHalf,
                NonCanonical,
                UnmappedAddress,
                UseAfterFree,
                OutsideAllocation,
            ],
            Self::Write => &[
                WriteOutOfBounds,
                WriteToText,
                WriteToData,
                WriteOutsideObject,
                DanglingLocal,
                NullPointer,
                AbsoluteAccess,
                ReservedSegment,
                UpperHalf,
                NonCanonical,
                UnmappedAddress,
                UseAfterFree,
                OutsideAllocation,
            ],
            Self::ReadConstant | Self::WriteConstant => {
                &[NullPointer, AbsoluteAccess, UnmappedAddress]
            }
            Self::Divide => &[DivideByZero, IntegerOverflow],
            Self::DivideUnsigned => &[DivideByZero],
            Self::Conversion => &[InvalidConversion],
            Self::JumpTarget => &[JumpToNonText, JumpToNonLand],
            Self::CallTarget => &[CallToNonFunction, CallTypeMismatch],
            Self::CallStack => &[CallStackOverflow],
            Self::Import => &[
                ImportNotAvailable,
                HostFault,
                ReadOutOfBounds,
                WriteOutOfBounds,
                CallStackOverflow,
                ReadFromText,
                WriteToText,
                WriteToData,
                DanglingLocal,
                NullPointer,
                AbsoluteAccess,
                ReservedSegment,
                UpperHalf,
                NonCanonical,
                UnmappedAddress,
                UnterminatedString,
                CallToNonFunction,
                CallTypeMismatch,
                ForeignNotGranted,
                CallbackOnOtherThread,
                LeafCalledBack,
                UseAfterFree,
                OutsideAllocation,
                DoubleFree,
                InvalidFree,
                ForeignCrash,
            ],
            Self::PointerTranslation => &[
                AbsoluteAccess,
                ReadOutOfBounds,
                ReadFromText,
                DanglingLocal,
                NullPointer,
                ReservedSegment,
                UpperHalf,
                NonCanonical,
                UnmappedAddress,
            ],
            Self::Abort => &[AbortCalled],
            Self::Breakpoint => &[FaultCode::Breakpoint],
        }
    }
}

impl FaultCode {
    /// The fault of a stable code.
    pub fn from_code(code: &str) -> Option<FaultCode> {
        Self::ALL.iter().copied().find(|fault| fault.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        for (i, fault) in FaultCode::ALL.iter().enumerate() {
            assert!(
                fault
                    .code()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-')
            );
            assert_eq!(FaultCode::from_code(fault.code()), Some(*fault));
            assert!(
                FaultCode::ALL[..i]
                    .iter()
                    .all(|other| other.code() != fault.code())
            );
        }
    }
}
