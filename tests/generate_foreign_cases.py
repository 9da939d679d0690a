#!/usr/bin/env python3
"""Writes the cases in tests/cases/foreign/ that try every instruction with memory of C that cannot be used: not mapped,
freed, or outside of a block. Each is one program with a run for each instruction, chosen by the argument.

    python3 tests/generate_foreign_cases.py
"""
import pathlib

FOLDER = pathlib.Path(__file__).parent / "cases" / "foreign"
LOADS = ["b_read", "w_read", "d_read", "q_read", "b_read_s", "w_read_s", "d_read_s"]
STORES = ["b_write", "w_write", "d_write", "q_write"]


def accesses(offset):
    """(instruction, lines) for each access to offset bytes behind the pointer in l:p, the last line being the access."""
    p = ["i_read l:p"]
    at = [f"push {offset}"] if offset else []
    address = p + (at + ["i_add"] if at else [])
    for name in LOADS:
        yield name, p + [f"push {offset}", name]
        yield name + " a:", address + [f"{name} a:0"]
    for name in STORES:
        yield name, p + [f"push {offset}", "push 1", name]
        yield name + " a:", address + ["push 1", f"{name} a:0"]
    for name in ["i_read", "f_read"]:
        yield name, address + [name]
    for name in ["i_write", "f_write"]:
        yield name, address + ["push 1", name]
    yield "mem_copy to", address + ["push b:space", "push 8", "mem_copy"]
    yield "mem_copy from", ["push b:space"] + address + ["push 8", "mem_copy"]
    yield "mem_fill", address + ["push 1", "push 8", "mem_fill"]
    yield "mem_compare", address + ["push b:space", "push 8", "mem_compare"]


def constants():
    """Accesses at a constant absolute address where nothing is."""
    for name in ["i_read", "f_read"]:
        yield name + " a:", [f"{name} a:65536"]
    for name in ["i_write", "f_write"]:
        yield name + " a:", ["push 1", f"{name} a:65536"]


def case(name, comment, fault, imports, setup, tries, flags=()):
    tries = list(tries)
    lines = [f"; {comment} Written by generate_foreign_cases.py.", ";! foreign: libcvmtest.so libc.so.6"]
    lines += [f";! {flag}" for flag in flags]
    runs = len(lines)
    lines += [None] * (2 * len(tries))
    lines += [".entry main", ".host sys.arg (3) -> 1"] + imports
    lines += [".data", "cases:"]
    lines += [".bss", "number: .reserve 8", "space: .reserve 64", ".text", ".func main () -> 1", "    declare p"]
    lines[lines.index("cases:")] = "        .byte 0"
    lines += [f"    {line}" for line in setup]
    lines += ["    push 0", "    push b:number", "    push 8", "    call sys.arg", "    drop",
              "    push 0", "    b_read b:number", "    push 32", "    i_sub",
              "    switch [" + ", ".join(f".t{n}" for n in range(len(tries))) + ", .none]"]
    for number, (what, body) in enumerate(tries):
        lines.append(f".t{number}:")
        lines += [f"    {line}" for line in body]
        instruction = body[-1].split()[0]
        lines[runs + 2 * number] = f';! args: "\\x{32 + number:02x}"'
        lines[runs + 2 * number + 1] = f";! fault: {fault} @{len(lines)} instruction={instruction} segment=absolute"
        pushes = instruction == "mem_compare" or "read" in instruction
        if pushes:
            lines.append("    drop")
        lines.append("    jmp .none")
    lines += [".none:", "    push 0", "    ret", ".end", ""]
    (FOLDER / f"{name}.cvma").write_text("\n".join(lines))


MAP = ['.foreign "libcvmtest.so" map_none () -> ptr']
MALLOC = ['.foreign "libc.so.6" malloc (u64) -> ptr', '.foreign "libc.so.6" free (ptr)']
case("every-access.unmapped", "Every access to memory that is not there.", "unmapped-address", MAP,
     ["call map_none", "i_write l:p"], [*accesses(0), *constants()])
case("every-access.freed", "Every access to a block that was freed.", "use-after-free", MALLOC,
     ["push 32", "call malloc", "i_write l:p", "i_read l:p", "call free"], accesses(8), ["check-foreign"])
case("every-access.outside", "Every access behind the end of a block.", "outside-allocation", MALLOC,
     ["push 32", "call malloc", "i_write l:p"], accesses(32), ["check-foreign"])
