//! The one table of instructions.
//!
//! Everything that is known about an instruction stands in its row: opcode byte, variant name, mnemonic, operand
//! kind, stack effect, control flow, possible faults and semantics. Opcode numbers, encoder, decoder, mnemonics,
//! the verifier's stack effects and `spec/isa.md` are derived from it; nothing is written down twice.
//!
//! A row reads
//!
//! ```text
//! 0x60 IAdd "i_add" None fixed(a b -- r) Next [] "r = a + b, wrapping";
//! ```
//!
//! - the opcode is grouped by its high nibble so that a hexdump reads;
//! - the operand kind is an [`OperandKind`](crate::isa::OperandKind) variant;
//! - the effect is `fixed(pops -- pushes)`, first name deepest, or `dynamic(text)` where it depends on the operand;
//! - the flow is a [`Flow`](crate::isa::Flow) variant;
//! - the faults are names of fault groups ([`FaultGroup`](crate::fault::FaultGroup) variants).
//!
//! This file is longer than 400 lines only if the instruction set grows: it is one table and stays in one piece.

/// Calls the macro `$callback` with all rows of the instruction table.
#[macro_export]
macro_rules! for_each_instruction {
    ($callback:ident) => {
        $callback! {
            // 0x0_: control inside a function
            0x01 Nop "nop" None fixed( -- ) Next [] "Does nothing.";
            0x02 Halt "halt" None fixed( -- ) Stop [] "Ends the program with exit status 0. Operands that are still on the stack are dropped.";
            0x03 Brk "brk" None fixed( -- ) Next [Breakpoint] "Stops in a debugger; without one it is the fault `breakpoint`.";
            0x04 Abort "abort" Code fixed( -- ) Stop [Abort] "Ends the program with the fault `abort`; the report shows the code (0 to 65535).";
            0x05 Jmp "jmp" Jump fixed( -- ) Jump [] "Continues at the label.";
            0x06 Jz "jz" Jump fixed(condition -- ) Branch [] "Continues at the label if the condition cell is 0, else at the next instruction.";
            0x07 Jnz "jnz" Jump fixed(condition -- ) Branch [] "Continues at the label if the condition cell is not 0, else at the next instruction.";
            0x08 Switch "switch" Table fixed(index -- ) Switch [] "Continues at the label that the unsigned index selects; an index past the end selects the last label, the default.";
            0x09 JmpI "jmp_i" None fixed(target -- ) JumpIndirect [JumpTarget] "Continues at the `land` instruction of this function that the text pointer names. The operand stack must hold nothing but the target.";
            0x0A Land "land" None fixed( -- ) Next [] "Marks a place that `jmp_i` may reach. The operand stack is empty here.";
            0x0B Declare "declare" Cells fixed( -- ) Next [] "Names one local object of n cells (1 or more); executing it sets the object to zero again.";

            // 0x1_: calls
            0x10 Call "call" Function dynamic("args… -- results…") Call [CallStack] "Calls a function. Its arguments move from the operand stack into its frame, the first pushed is the first argument; its results come back on the operand stack.";
            0x11 CallI "call_i" Type dynamic("args… target -- results…") Call [CallTarget CallStack] "Calls the function whose entry the text pointer names. The function's type must be exactly the given one, brand included.";
            0x12 RetCall "ret_call" Function dynamic("args… --") TailCall [CallStack] "Leaves this function and calls another in its place (tail call). The result counts must agree; operands below the arguments are dropped.";
            0x13 RetCallI "ret_call_i" Type dynamic("args… target --") TailCall [CallTarget CallStack] "As `ret_call`, through a text pointer to a function of exactly the given type.";
            0x14 CallX "call_x" Import dynamic("args… -- results…") Call [Import] "Calls an import: a host function, a foreign function, or a function of another module.";
            0x15 CallXi "call_xi" Type dynamic("args… target -- results…") Call [Import] "Calls the C function at an absolute pointer with the given foreign type.";
            0x16 Ret "ret" None dynamic("results… --") Return [] "Returns to the caller with the function's results from the top of the operand stack; what lies below them is dropped.";

            // 0x2_: constants and the operand stack
            0x20 PushB "push_b" I8 fixed( -- n) Next [] "Pushes an 8-bit constant, sign-extended.";
            0x21 PushW "push_w" I16 fixed( -- n) Next [] "Pushes a 16-bit constant, sign-extended.";
            0x22 PushD "push_d" I32 fixed( -- n) Next [] "Pushes a 32-bit constant, sign-extended.";
            0x23 PushUd "push_ud" U32 fixed( -- n) Next [] "Pushes a 32-bit constant, zero-extended.";
            0x24 PushQ "push_q" U64 fixed( -- n) Next [] "Pushes a 64-bit constant.";
            0x25 PushA "push_a" Pointer fixed( -- address) Next [] "Pushes the pointer that the short pointer stands for; `l:` resolves against fp and must name an object's first byte.";
            0x26 Drop "drop" None fixed(a -- ) Next [] "Drops the top cell.";
            0x27 Dup "dup" None fixed(a -- a a) Next [] "Copies the top cell.";
            0x28 Swap "swap" None fixed(a b -- b a) Next [] "Exchanges the two top cells.";
            0x29 Over "over" None fixed(a b -- a b a) Next [] "Copies the cell below the top.";
            0x2A Rot "rot" None fixed(a b c -- b c a) Next [] "Moves the third cell to the top.";
            0x2B Pick "pick" Depth dynamic("… -- … a") Next [] "Copies the cell that lies n below the top; `pick 0` is `dup`, `pick 1` is `over`.";
            0x2C Select "select" None fixed(a b condition -- r) Next [] "r = a if the condition cell is not 0, else b.";
            0x2D Slide "slide" Slide dynamic("m-cells n-cells -- n-cells") Next [] "`slide m, n` drops the m cells that lie under the n top ones.";

            // 0x3_: memory, address on the stack
            0x30 BRead "b_read" None fixed(base offset -- v) Next [Read] "v = the byte at base + offset, zero-extended.";
            0x31 WRead "w_read" None fixed(base offset -- v) Next [Read] "v = the 16-bit word at base + offset, zero-extended.";
            0x32 DRead "d_read" None fixed(base offset -- v) Next [Read] "v = the 32-bit double word at base + offset, zero-extended.";
            0x33 QRead "q_read" None fixed(base offset -- v) Next [Read] "v = the 64-bit quad word at base + offset.";
            0x34 BReadS "b_read_s" None fixed(base offset -- v) Next [Read] "v = the byte at base + offset, sign-extended to 64 bits.";
            0x35 WReadS "w_read_s" None fixed(base offset -- v) Next [Read] "v = the 16-bit word at base + offset, sign-extended to 64 bits.";
            0x36 DReadS "d_read_s" None fixed(base offset -- v) Next [Read] "v = the 32-bit double word at base + offset, sign-extended to 64 bits.";
            0x37 IRead "i_read" None fixed(address -- v) Next [Read] "v = the 64-bit integer at the address.";
            0x38 FRead "f_read" None fixed(address -- v) Next [Read] "v = the binary64 at the address.";
            0x39 BWrite "b_write" None fixed(base offset v -- ) Next [Write] "Stores the low 8 bits of v at base + offset.";
            0x3A WWrite "w_write" None fixed(base offset v -- ) Next [Write] "Stores the low 16 bits of v at base + offset.";
            0x3B DWrite "d_write" None fixed(base offset v -- ) Next [Write] "Stores the low 32 bits of v at base + offset.";
            0x3C QWrite "q_write" None fixed(base offset v -- ) Next [Write] "Stores v at base + offset.";
            0x3D IWrite "i_write" None fixed(address v -- ) Next [Write] "Stores the 64-bit integer v at the address.";
            0x3E FWrite "f_write" None fixed(address v -- ) Next [Write] "Stores the binary64 v at the address.";

            // 0x4_: memory, address as an immediate
            0x40 BReadA "b_read" Pointer fixed(offset -- v) Next [Read] "v = the byte at operand + offset, zero-extended.";
            0x41 WReadA "w_read" Pointer fixed(offset -- v) Next [Read] "v = the 16-bit word at operand + offset, zero-extended.";
            0x42 DReadA "d_read" Pointer fixed(offset -- v) Next [Read] "v = the 32-bit double word at operand + offset, zero-extended.";
            0x43 QReadA "q_read" Pointer fixed(offset -- v) Next [Read] "v = the 64-bit quad word at operand + offset.";
            0x44 BReadSA "b_read_s" Pointer fixed(offset -- v) Next [Read] "v = the byte at operand + offset, sign-extended to 64 bits.";
            0x45 WReadSA "w_read_s" Pointer fixed(offset -- v) Next [Read] "v = the 16-bit word at operand + offset, sign-extended to 64 bits.";
            0x46 DReadSA "d_read_s" Pointer fixed(offset -- v) Next [Read] "v = the 32-bit double word at operand + offset, sign-extended to 64 bits.";
            0x47 IReadA "i_read" Pointer fixed( -- v) Next [ReadConstant] "v = the 64-bit integer at the operand.";
            0x48 FReadA "f_read" Pointer fixed( -- v) Next [ReadConstant] "v = the binary64 at the operand.";
            0x49 BWriteA "b_write" Pointer fixed(offset v -- ) Next [Write] "Stores the low 8 bits of v at operand + offset.";
            0x4A WWriteA "w_write" Pointer fixed(offset v -- ) Next [Write] "Stores the low 16 bits of v at operand + offset.";
            0x4B DWriteA "d_write" Pointer fixed(offset v -- ) Next [Write] "Stores the low 32 bits of v at operand + offset.";
            0x4C QWriteA "q_write" Pointer fixed(offset v -- ) Next [Write] "Stores v at operand + offset.";
            0x4D IWriteA "i_write" Pointer fixed(v -- ) Next [WriteConstant] "Stores the 64-bit integer v at the operand.";
            0x4E FWriteA "f_write" Pointer fixed(v -- ) Next [WriteConstant] "Stores the binary64 v at the operand.";

            // 0x5_: bulk memory, heap, pointer translation
            0x50 MemCopy "mem_copy" None fixed(to from length -- ) Next [Write Read] "Copies length bytes; the ranges may overlap. Both ranges are checked as a whole, the destination first, before a byte moves.";
            0x51 MemFill "mem_fill" None fixed(to byte length -- ) Next [Write] "Sets length bytes to the low 8 bits of byte. The range is checked as a whole first.";
            0x52 MemCompare "mem_compare" None fixed(a b length -- r) Next [Read] "r = -1, 0 or 1 as the bytes at a are below, equal to or above those at b, compared unsigned in order. Both ranges are checked as a whole, a first.";
            0x53 HeapSize "heap_size" None fixed( -- pages) Next [] "Pushes the heap's size in pages of 65,536 bytes.";
            0x54 HeapGrow "heap_grow" None fixed(pages -- old) Next [] "Grows the heap by an unsigned number of pages, which read as zero. old = the former size in pages, or -1 if the limit does not allow it or memory is short; then nothing changes.";
            0x55 PtrToHost "ptr_to_host" None fixed(pointer length -- host) Next [PointerTranslation] "Translates a tagged pointer to length readable bytes into the address that C sees. Needs foreign access.";
            0x56 PtrFromHost "ptr_from_host" None fixed(host -- pointer) Next [PointerTranslation] "Translates an address that C gave into a tagged pointer if it lies in a segment, else leaves it an absolute one. Needs foreign access.";

            // 0x6_, 0x7_: 64-bit integers
            0x60 IAdd "i_add" None fixed(a b -- r) Next [] "r = a + b, wrapping.";
            0x61 ISub "i_sub" None fixed(a b -- r) Next [] "r = a - b, wrapping.";
            0x62 IMul "i_mul" None fixed(a b -- r) Next [] "r = a * b, wrapping.";
            0x63 IDiv "i_div" None fixed(a b -- r) Next [Divide] "r = a / b, signed, towards zero.";
            0x64 IUdiv "i_udiv" None fixed(a b -- r) Next [DivideUnsigned] "r = a / b, unsigned.";
            0x65 IRem "i_rem" None fixed(a b -- r) Next [DivideUnsigned] "r = the remainder of a / b, signed, with the sign of a; the smallest integer rem -1 is 0.";
            0x66 IUrem "i_urem" None fixed(a b -- r) Next [DivideUnsigned] "r = the remainder of a / b, unsigned.";
            0x67 INeg "i_neg" None fixed(a -- r) Next [] "r = -a, wrapping.";
            0x68 IMulh "i_mulh" None fixed(a b -- r) Next [] "r = the high 64 bits of the signed 128-bit product.";
            0x69 IUmulh "i_umulh" None fixed(a b -- r) Next [] "r = the high 64 bits of the unsigned 128-bit product.";
            0x6A IAnd "i_and" None fixed(a b -- r) Next [] "r = a and b, bit by bit.";
            0x6B IOr "i_or" None fixed(a b -- r) Next [] "r = a or b, bit by bit.";
            0x6C IXor "i_xor" None fixed(a b -- r) Next [] "r = a exclusive-or b, bit by bit.";
            0x6D INot "i_not" None fixed(a -- r) Next [] "r = a with every bit inverted.";
            0x70 IShl "i_shl" None fixed(a n -- r) Next [] "r = a shifted left by n modulo 64.";
            0x71 IShr "i_shr" None fixed(a n -- r) Next [] "r = a shifted right by n modulo 64, sign bits shifted in.";
            0x72 IUshr "i_ushr" None fixed(a n -- r) Next [] "r = a shifted right by n modulo 64, zeros shifted in.";
            0x73 IRotl "i_rotl" None fixed(a n -- r) Next [] "r = a rotated left by n modulo 64.";
            0x74 IRotr "i_rotr" None fixed(a n -- r) Next [] "r = a rotated right by n modulo 64.";
            0x75 IClz "i_clz" None fixed(a -- r) Next [] "r = the number of leading zero bits, 64 for 0.";
            0x76 ICtz "i_ctz" None fixed(a -- r) Next [] "r = the number of trailing zero bits, 64 for 0.";
            0x77 IPopcnt "i_popcnt" None fixed(a -- r) Next [] "r = the number of one bits.";
            0x78 ISextB "i_sext_b" None fixed(a -- r) Next [] "r = the low 8 bits, sign-extended.";
            0x79 ISextW "i_sext_w" None fixed(a -- r) Next [] "r = the low 16 bits, sign-extended.";
            0x7A ISextD "i_sext_d" None fixed(a -- r) Next [] "r = the low 32 bits, sign-extended.";
            0x7B IZextB "i_zext_b" None fixed(a -- r) Next [] "r = the low 8 bits, zero-extended.";
            0x7C IZextW "i_zext_w" None fixed(a -- r) Next [] "r = the low 16 bits, zero-extended.";
            0x7D IZextD "i_zext_d" None fixed(a -- r) Next [] "r = the low 32 bits, zero-extended.";

            // 0x8_: 64-bit comparisons
            0x80 IEqz "i_eqz" None fixed(a -- r) Next [] "r = 1 if a is 0, else 0.";
            0x81 IEq "i_eq" None fixed(a b -- r) Next [] "r = 1 if a = b, else 0.";
            0x82 INe "i_ne" None fixed(a b -- r) Next [] "r = 1 if a differs from b, else 0.";
            0x83 ILt "i_lt" None fixed(a b -- r) Next [] "r = 1 if a < b, signed, else 0.";
            0x84 ILe "i_le" None fixed(a b -- r) Next [] "r = 1 if a <= b, signed, else 0.";
            0x85 IGt "i_gt" None fixed(a b -- r) Next [] "r = 1 if a > b, signed, else 0.";
            0x86 IGe "i_ge" None fixed(a b -- r) Next [] "r = 1 if a >= b, signed, else 0.";
            0x87 IUlt "i_ult" None fixed(a b -- r) Next [] "r = 1 if a < b, unsigned, else 0.";
            0x88 IUle "i_ule" None fixed(a b -- r) Next [] "r = 1 if a <= b, unsigned, else 0.";
            0x89 IUgt "i_ugt" None fixed(a b -- r) Next [] "r = 1 if a > b, unsigned, else 0.";
            0x8A IUge "i_uge" None fixed(a b -- r) Next [] "r = 1 if a >= b, unsigned, else 0.";

            // 0x9_, 0xA_: 32-bit integers; inputs' high bits are ignored, results are zero-extended
            0x90 DAdd "d_add" None fixed(a b -- r) Next [] "r = a + b, wrapping at 32 bits.";
            0x91 DSub "d_sub" None fixed(a b -- r) Next [] "r = a - b, wrapping at 32 bits.";
            0x92 DMul "d_mul" None fixed(a b -- r) Next [] "r = a * b, wrapping at 32 bits.";
            0x93 DDiv "d_div" None fixed(a b -- r) Next [Divide] "r = a / b as signed 32-bit integers, towards zero.";
            0x94 DUdiv "d_udiv" None fixed(a b -- r) Next [DivideUnsigned] "r = a / b as unsigned 32-bit integers.";
            0x95 DRem "d_rem" None fixed(a b -- r) Next [DivideUnsigned] "r = the remainder of a / b as signed 32-bit integers, with the sign of a; the smallest integer rem -1 is 0.";
            0x96 DUrem "d_urem" None fixed(a b -- r) Next [DivideUnsigned] "r = the remainder of a / b as unsigned 32-bit integers.";
            0x97 DNeg "d_neg" None fixed(a -- r) Next [] "r = -a, wrapping at 32 bits.";
            0x98 DNot "d_not" None fixed(a -- r) Next [] "r = a with its low 32 bits inverted.";
            0x99 DShl "d_shl" None fixed(a n -- r) Next [] "r = a shifted left by n modulo 32.";
            0x9A DShr "d_shr" None fixed(a n -- r) Next [] "r = a shifted right by n modulo 32, sign bits shifted in.";
            0x9B DUshr "d_ushr" None fixed(a n -- r) Next [] "r = a shifted right by n modulo 32, zeros shifted in.";
            0x9C DRotl "d_rotl" None fixed(a n -- r) Next [] "r = a rotated left by n modulo 32.";
            0x9D DRotr "d_rotr" None fixed(a n -- r) Next [] "r = a rotated right by n modulo 32.";
            0x9E DClz "d_clz" None fixed(a -- r) Next [] "r = the number of leading zero bits of 32, 32 for 0.";
            0x9F DCtz "d_ctz" None fixed(a -- r) Next [] "r = the number of trailing zero bits of 32, 32 for 0.";
            0xA0 DPopcnt "d_popcnt" None fixed(a -- r) Next [] "r = the number of one bits among the low 32.";
            0xA1 DSextB "d_sext_b" None fixed(a -- r) Next [] "r = the low 8 bits, sign-extended to 32.";
            0xA2 DSextW "d_sext_w" None fixed(a -- r) Next [] "r = the low 16 bits, sign-extended to 32.";
            0xA3 DEqz "d_eqz" None fixed(a -- r) Next [] "r = 1 if the low 32 bits of a are 0, else 0.";
            0xA4 DEq "d_eq" None fixed(a b -- r) Next [] "r = 1 if a = b in 32 bits, else 0.";
            0xA5 DNe "d_ne" None fixed(a b -- r) Next [] "r = 1 if a differs from b in 32 bits, else 0.";
            0xA6 DLt "d_lt" None fixed(a b -- r) Next [] "r = 1 if a < b as signed 32-bit integers, else 0.";
            0xA7 DLe "d_le" None fixed(a b -- r) Next [] "r = 1 if a <= b as signed 32-bit integers, else 0.";
            0xA8 DGt "d_gt" None fixed(a b -- r) Next [] "r = 1 if a > b as signed 32-bit integers, else 0.";
            0xA9 DGe "d_ge" None fixed(a b -- r) Next [] "r = 1 if a >= b as signed 32-bit integers, else 0.";
            0xAA DUlt "d_ult" None fixed(a b -- r) Next [] "r = 1 if a < b as unsigned 32-bit integers, else 0.";
            0xAB DUle "d_ule" None fixed(a b -- r) Next [] "r = 1 if a <= b as unsigned 32-bit integers, else 0.";
            0xAC DUgt "d_ugt" None fixed(a b -- r) Next [] "r = 1 if a > b as unsigned 32-bit integers, else 0.";
            0xAD DUge "d_uge" None fixed(a b -- r) Next [] "r = 1 if a >= b as unsigned 32-bit integers, else 0.";

            // 0xB_: binary64 arithmetic; a NaN that arithmetic makes is the canonical quiet NaN
            0xB0 FAdd "f_add" None fixed(a b -- r) Next [] "r = a + b.";
            0xB1 FSub "f_sub" None fixed(a b -- r) Next [] "r = a - b.";
            0xB2 FMul "f_mul" None fixed(a b -- r) Next [] "r = a * b.";
            0xB3 FDiv "f_div" None fixed(a b -- r) Next [] "r = a / b; division by zero gives an infinity or NaN, not a fault.";
            0xB4 FSqrt "f_sqrt" None fixed(a -- r) Next [] "r = the square root of a, correctly rounded.";
            0xB5 FAbs "f_abs" None fixed(a -- r) Next [] "r = a with its sign bit cleared; NaN payloads are kept.";
            0xB6 FNeg "f_neg" None fixed(a -- r) Next [] "r = a with its sign bit inverted; NaN payloads are kept.";
            0xB7 FCopysign "f_copysign" None fixed(a b -- r) Next [] "r = a with the sign bit of b.";
            0xB8 FMin "f_min" None fixed(a b -- r) Next [] "r = the smaller; NaN if either is NaN; -0 is below +0.";
            0xB9 FMax "f_max" None fixed(a b -- r) Next [] "r = the larger; NaN if either is NaN; +0 is above -0.";
            0xBA FCeil "f_ceil" None fixed(a -- r) Next [] "r = a rounded up to an integral value.";
            0xBB FFloor "f_floor" None fixed(a -- r) Next [] "r = a rounded down to an integral value.";
            0xBC FTrunc "f_trunc" None fixed(a -- r) Next [] "r = a rounded towards zero to an integral value.";
            0xBD FNearest "f_nearest" None fixed(a -- r) Next [] "r = a rounded to the nearest integral value, ties to even.";
            0xBE FFma "f_fma" None fixed(a b c -- r) Next [] "r = a * b + c with one rounding.";

            // 0xC_: float comparisons; any comparison with NaN is 0 but `ne`, which is 1
            0xC0 FEq "f_eq" None fixed(a b -- r) Next [] "r = 1 if a = b, else 0.";
            0xC1 FNe "f_ne" None fixed(a b -- r) Next [] "r = 1 if a differs from b or either is NaN, else 0.";
            0xC2 FLt "f_lt" None fixed(a b -- r) Next [] "r = 1 if a < b, else 0.";
            0xC3 FLe "f_le" None fixed(a b -- r) Next [] "r = 1 if a <= b, else 0.";
            0xC4 FGt "f_gt" None fixed(a b -- r) Next [] "r = 1 if a > b, else 0.";
            0xC5 FGe "f_ge" None fixed(a b -- r) Next [] "r = 1 if a >= b, else 0.";
            0xC8 SEq "s_eq" None fixed(a b -- r) Next [] "r = 1 if a = b, else 0.";
            0xC9 SNe "s_ne" None fixed(a b -- r) Next [] "r = 1 if a differs from b or either is NaN, else 0.";
            0xCA SLt "s_lt" None fixed(a b -- r) Next [] "r = 1 if a < b, else 0.";
            0xCB SLe "s_le" None fixed(a b -- r) Next [] "r = 1 if a <= b, else 0.";
            0xCC SGt "s_gt" None fixed(a b -- r) Next [] "r = 1 if a > b, else 0.";
            0xCD SGe "s_ge" None fixed(a b -- r) Next [] "r = 1 if a >= b, else 0.";

            // 0xD_: binary32 arithmetic
            0xD0 SAdd "s_add" None fixed(a b -- r) Next [] "r = a + b.";
            0xD1 SSub "s_sub" None fixed(a b -- r) Next [] "r = a - b.";
            0xD2 SMul "s_mul" None fixed(a b -- r) Next [] "r = a * b.";
            0xD3 SDiv "s_div" None fixed(a b -- r) Next [] "r = a / b; division by zero gives an infinity or NaN, not a fault.";
            0xD4 SSqrt "s_sqrt" None fixed(a -- r) Next [] "r = the square root of a, correctly rounded.";
            0xD5 SAbs "s_abs" None fixed(a -- r) Next [] "r = a with its sign bit cleared; NaN payloads are kept.";
            0xD6 SNeg "s_neg" None fixed(a -- r) Next [] "r = a with its sign bit inverted; NaN payloads are kept.";
            0xD7 SCopysign "s_copysign" None fixed(a b -- r) Next [] "r = a with the sign bit of b.";
            0xD8 SMin "s_min" None fixed(a b -- r) Next [] "r = the smaller; NaN if either is NaN; -0 is below +0.";
            0xD9 SMax "s_max" None fixed(a b -- r) Next [] "r = the larger; NaN if either is NaN; +0 is above -0.";
            0xDA SCeil "s_ceil" None fixed(a -- r) Next [] "r = a rounded up to an integral value.";
            0xDB SFloor "s_floor" None fixed(a -- r) Next [] "r = a rounded down to an integral value.";
            0xDC STrunc "s_trunc" None fixed(a -- r) Next [] "r = a rounded towards zero to an integral value.";
            0xDD SNearest "s_nearest" None fixed(a -- r) Next [] "r = a rounded to the nearest integral value, ties to even.";
            0xDE SFma "s_fma" None fixed(a b c -- r) Next [] "r = a * b + c with one rounding.";

            // 0xE_: conversions between integers and floats, and between the float widths
            0xE0 IToF "i_to_f" None fixed(a -- r) Next [] "r = the binary64 nearest to the signed 64-bit integer.";
            0xE1 UToF "u_to_f" None fixed(a -- r) Next [] "r = the binary64 nearest to the unsigned 64-bit integer.";
            0xE2 DToF "d_to_f" None fixed(a -- r) Next [] "r = the signed 32-bit integer as binary64, exact.";
            0xE3 UdToF "ud_to_f" None fixed(a -- r) Next [] "r = the unsigned 32-bit integer as binary64, exact.";
            0xE4 IToS "i_to_s" None fixed(a -- r) Next [] "r = the binary32 nearest to the signed 64-bit integer.";
            0xE5 UToS "u_to_s" None fixed(a -- r) Next [] "r = the binary32 nearest to the unsigned 64-bit integer.";
            0xE6 DToS "d_to_s" None fixed(a -- r) Next [] "r = the binary32 nearest to the signed 32-bit integer.";
            0xE7 UdToS "ud_to_s" None fixed(a -- r) Next [] "r = the binary32 nearest to the unsigned 32-bit integer.";
            0xE8 FToI "f_to_i" None fixed(a -- r) Next [Conversion] "r = a truncated to a signed 64-bit integer.";
            0xE9 FToU "f_to_u" None fixed(a -- r) Next [Conversion] "r = a truncated to an unsigned 64-bit integer.";
            0xEA FToD "f_to_d" None fixed(a -- r) Next [Conversion] "r = a truncated to a signed 32-bit integer.";
            0xEB FToUd "f_to_ud" None fixed(a -- r) Next [Conversion] "r = a truncated to an unsigned 32-bit integer.";
            0xEC SToI "s_to_i" None fixed(a -- r) Next [Conversion] "r = a truncated to a signed 64-bit integer.";
            0xED SToU "s_to_u" None fixed(a -- r) Next [Conversion] "r = a truncated to an unsigned 64-bit integer.";
            0xEE SToD "s_to_d" None fixed(a -- r) Next [Conversion] "r = a truncated to a signed 32-bit integer.";
            0xEF SToUd "s_to_ud" None fixed(a -- r) Next [Conversion] "r = a truncated to an unsigned 32-bit integer.";
            0xF0 FToISat "f_to_i_sat" None fixed(a -- r) Next [] "r = a truncated to a signed 64-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF1 FToUSat "f_to_u_sat" None fixed(a -- r) Next [] "r = a truncated to an unsigned 64-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF2 FToDSat "f_to_d_sat" None fixed(a -- r) Next [] "r = a truncated to a signed 32-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF3 FToUdSat "f_to_ud_sat" None fixed(a -- r) Next [] "r = a truncated to an unsigned 32-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF4 SToISat "s_to_i_sat" None fixed(a -- r) Next [] "r = a truncated to a signed 64-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF5 SToUSat "s_to_u_sat" None fixed(a -- r) Next [] "r = a truncated to an unsigned 64-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF6 SToDSat "s_to_d_sat" None fixed(a -- r) Next [] "r = a truncated to a signed 32-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF7 SToUdSat "s_to_ud_sat" None fixed(a -- r) Next [] "r = a truncated to an unsigned 32-bit integer; out of range gives the nearest limit, NaN gives 0.";
            0xF8 FToS "f_to_s" None fixed(a -- r) Next [] "r = the binary32 nearest to a; a NaN becomes the canonical one.";
            0xF9 SToF "s_to_f" None fixed(a -- r) Next [] "r = a as binary64, exact; a NaN becomes the canonical one.";
        }
    };
}
