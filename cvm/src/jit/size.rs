//! How large a function may be that is compiled. The compiler's time grows with the square of a function's blocks: what
//! is beyond would take longer than the program is likely to run, or more memory than it should have. Such a function,
//! and what calls it, stays in the interpreter (`spec/jit.md`, "Large functions").

use cvm_spec::image::Image;

use super::CompileError;
use super::hints::Loaded;

/// Bytes of text of a function that is compiled.
const TEXT_MAX: u32 = 1 << 17;
/// Bytes of text above which a function is looked at before anything of its unit is compiled: smaller ones are hardly ever too
/// large.
pub(super) const LOOKED_AT_FIRST: u32 = 4_000;
/// Blocks of a function: places that jumps lead to, and two for every access whose address is computed.
const BLOCKS_MAX: u64 = 16_000;
/// Arguments, private locals and operands, times blocks.
const CELL_BLOCKS_MAX: u64 = 1 << 23;

fn too_large(function: u32, message: String) -> Result<(), CompileError> {
    Err(CompileError::TooLarge { function, message })
}

/// What can be said before a function is looked at.
pub(super) fn check_text(image: &Image, function: u32) -> Result<(), CompileError> {
    let size = image.functions[function as usize].size;
    match size > TEXT_MAX {
        true => too_large(
            function,
            format!("it has {size} bytes of text, the compiler takes {TEXT_MAX}"),
        ),
        false => Ok(()),
    }
}

/// What a function's blocks and cells say.
pub(super) fn check(function: u32, loaded: &Loaded<'_>) -> Result<(), CompileError> {
    let leaders = loaded.leaders.iter().filter(|leader| leader.block).count() as u64;
    let instructions = loaded.body.instructions.iter();
    let accesses = instructions
        .filter_map(|(_, instruction)| instruction.opcode.access())
        .filter(|access| access.indexed || !access.immediate)
        .count() as u64;
    let blocks = leaders + 2 * accesses;
    if blocks > BLOCKS_MAX {
        let message = format!("it has {blocks} blocks, the compiler takes {BLOCKS_MAX}");
        return too_large(function, message);
    }
    let cells = u64::from(loaded.frame.slots) + u64::from(loaded.depths.max);
    match cells * blocks > CELL_BLOCKS_MAX {
        true => too_large(
            function,
            format!(
                "it has {cells} cells in {blocks} blocks, the compiler takes {CELL_BLOCKS_MAX} of both multiplied"
            ),
        ),
        false => Ok(()),
    }
}
