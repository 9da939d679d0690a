"""Cases of the instructions that compute: a table of checks, and programs that fault."""

from .semantics import CELL, OPERATIONS
from .values import describe, rows, show

NOTE = "; Written by tests/generate_instruction_cases.py: change that, not this.\n"

MACROS = {1: "unary", 2: "binary", 3: "ternary"}


def article(operation):
    return f"; {operation.mnemonic} ({operation.effect}): {operation.meaning}.\n"


def normal_case(operation):
    """All inputs that have a result, in one program."""
    is_condition = operation.output == "c"
    include = MACROS[operation.arity] + ("-condition" if is_condition else "")
    check = "check_condition" if is_condition else "check"
    lines = [article(operation), NOTE, "\n"]
    lines += [".macro operation\n", f"    {operation.mnemonic}\n", ".endm\n", f'.include "../{include}.cvmi"\n', "\n"]
    lines += [".func main () -> 1\n"]
    lines += [f"    declare {name}\n" for name in "abc"[: operation.arity]]
    for row in rows(operation):
        result = operation.apply(*row)
        if isinstance(result, str):
            continue
        kinds = operation.inputs + (operation.output,)
        shown = [show(value, kind) for value, kind in zip(row + (result,), kinds)]
        comments = [describe(value, kind) for value, kind in zip(row + (result,), kinds)]
        comment = ""
        if any(c is not None for c in comments):
            words = [c if c is not None else s for c, s in zip(comments, shown)]
            comment = f"  ; {', '.join(words[:-1])} gives {words[-1]}"
        lines.append(f"    {check} {', '.join(shown)}{comment}\n")
    lines += ["    push 0\n", "    ret\n", ".end\n"]
    return "".join(lines)


def faulting_rows(operation):
    found = {}
    for row in rows(operation):
        result = operation.apply(*row)
        if isinstance(result, str):
            found.setdefault(result, []).append(row)
    return found


def table_fault_case(operation, fault, faulting):
    """Each argument selects a row of inputs; every run faults at the same instruction."""
    text = [article(operation), NOTE, f"; Every row of inputs gives the fault {fault}; the argument is the row.\n"]
    body = ['\n.include "../argument.cvmi"\n\n', ".data\n", "inputs:\n"]
    for row in faulting:
        shown = [show(value, kind) for value, kind in zip(row, operation.inputs)]
        words = [describe(value, kind) for value, kind in zip(row, operation.inputs)]
        comment = f"  ; {', '.join(word for word in words if word)}" if any(words) else ""
        body.append(f"    .quad {', '.join(shown)}{comment}\n")
    size = 8 * operation.arity
    body += ["\n.text\n", ".func main () -> 1\n", "    declare row\n", "    call argument\n", f"    push {size}\n", "    i_mul\n", "    i_write l:row\n"]
    for number in range(operation.arity):
        operand = f"d:inputs+{8 * number}" if number else "d:inputs"
        body += ["    i_read l:row\n", f"    q_read {operand}\n"]
    fault_line = sum(part.count("\n") for part in text + body) + 2 + len(faulting)
    body += [f"    {operation.mnemonic}\n", "    ret\n", ".end\n"]
    runs = "".join(f";! args: {number}\n" for number in range(len(faulting)))
    return "".join(text) + f";! fault: {fault} @{fault_line}\n" + runs + "".join(body)


def constant_fault_case(operation, fault, row, constant):
    """The inputs whose place in `constant` is True stand in the text, the others in the frame."""
    shown = [show(value, kind) for value, kind in zip(row, operation.inputs)]
    text = [article(operation), NOTE]
    body = ["\n.entry main\n", "\n.func main () -> 1\n"]
    body += [f"    push {value}\n" for value, fixed in zip(shown, constant) if not fixed]
    names = [name for name, fixed in zip("abc", constant) if not fixed]
    body += ["    call run\n", "    ret\n", ".end\n", f"\n.func run ({', '.join(names)}) -> 1\n"]
    for name, value, fixed in zip("abc", shown, constant):
        body.append(f"    push {value}\n" if fixed else f"    i_read l:{name}\n")
    fault_line = sum(part.count("\n") for part in text + body) + 2
    body += [f"    {operation.mnemonic}\n", "    ret\n", ".end\n"]
    return "".join(text) + f";! fault: {fault} @{fault_line}\n" + "".join(body)


PLACES = {"frame": (False, False), "right": (False, True), "left": (True, False), "both": (True, True)}


def cases():
    """(path below tests/cases/instructions, contents) of every file."""
    for operation in OPERATIONS.values():
        stem = f"{operation.group}/{operation.mnemonic}"
        yield f"{stem}.cvma", normal_case(operation)
        for fault, faulting in faulting_rows(operation).items():
            yield f"{stem}.{fault}.cvma", table_fault_case(operation, fault, faulting)
            if operation.arity == 1:
                yield f"{stem}.{fault}.constant.cvma", constant_fault_case(operation, fault, faulting[0], (True,))
                continue
            row = next((row for row in faulting if row[0] not in (0, CELL)), faulting[0])
            for word, constant in PLACES.items():
                yield f"{stem}.{fault}.{word}.cvma", constant_fault_case(operation, fault, row, constant)
