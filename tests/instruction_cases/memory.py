"""Cases of the instructions that read and write memory, in both address forms."""

from dataclasses import dataclass

from .arithmetic import NOTE
from .semantics import CELL, signed

# What the reading cases find in every segment.
PATTERN = bytes.fromhex("01 7f 80 ff fe 00 55 aa 12 34 56 78 9a bc de f0 80 00 00 80 ff ff ff 7f")
AREA = 24  # bytes of the area that the cases use in each segment
BSS_AREA = 16  # its offset in bss, behind the 16 bytes that argument.cvmi reserves

TAGS = {"a": 0, "t": 1, "d": 2, "b": 3, "l": 4, "h": 5, "reserved": 6, "upper": 7}


@dataclass(frozen=True)
class Access:
    mnemonic: str
    width: int
    write: bool
    sign: bool
    indexed: bool

    @property
    def verb(self):
        return "write" if self.write else "read"

    @property
    def values(self):
        return {1: "byte", 2: "16-bit word", 4: "32-bit double word", 8: "64-bit quad word"}[self.width]


ACCESSES = [Access(f"{letter}_read", width, False, False, True) for letter, width in zip("bwdq", (1, 2, 4, 8))]
ACCESSES += [Access(f"{letter}_read_s", width, False, True, True) for letter, width in zip("bwd", (1, 2, 4))]
ACCESSES += [Access(f"{letter}_read", 8, False, False, False) for letter in "if"]
ACCESSES += [Access(f"{letter}_write", width, True, False, True) for letter, width in zip("bwdq", (1, 2, 4, 8))]
ACCESSES += [Access(f"{letter}_write", 8, True, False, False) for letter in "if"]


def number(value):
    value &= CELL
    small = signed(value, 64)
    return str(small) if -100000 < small < 100000 else f"0x{value:x}"


def read_result(access, offset):
    value = int.from_bytes(PATTERN[offset : offset + access.width], "little")
    return signed(value, 8 * access.width) & CELL if access.sign else value


def header(access, immediate):
    address = "the operand" if immediate else ("base" if access.indexed else "the address")
    offset = " + offset" if access.indexed else ""
    verb = "stores" if access.write else "reads"
    extension = " sign-extended" if access.sign else ""
    return f"; {access.mnemonic}, {verb} the{extension} {access.values} at {address}{offset}.\n" + NOTE


def with_delta(base, delta):
    if base.startswith("h:"):
        return f"h:{int(base[2:]) + delta}"
    return base if delta == 0 else f"{base}{delta:+d}"


# Reading what is there.


def offsets(access):
    return [0, 1, 3, 8, AREA - access.width]


def read_case(access, immediate):
    operand = " operand" if immediate else ""
    lines = [header(access, immediate), "\n", f".macro operation{operand}\n"]
    lines += [f"    {access.mnemonic}{' ' + chr(92) + 'operand' if immediate else ''}\n", ".endm\n"]
    shape = ("read" if access.indexed else "read-at") + ("-immediate" if immediate else "")
    lines += [f'.include "../{shape}.cvmi"\n', "\n", ".func main () -> 1\n"]
    lines += ["    declare base\n"] if not immediate else []
    lines += ["    declare offset\n"] if access.indexed else []
    lines += ["    declare got\n"] if immediate else []
    lines += ["    declare object[3]\n", "    push l:object\n", "    call fill\n"]
    for base in ("d:pattern", "b:area", "l:object", "h:8"):
        for offset in offsets(access):
            want = number(read_result(access, offset))
            if access.indexed:
                lines.append(f"    check {base}, {offset}, {want}\n")
            elif immediate or base != "l:object" or offset == 0:
                lines.append(f"    check {with_delta(base, offset)}, {want}\n")
            else:
                # `push l:` can only name an object's first byte.
                lines.append(f"    check_computed {base}, {offset}, {want}\n")
        if access.indexed and base != "l:object":
            # A negative offset moves back inside the segment.
            lines.append(f"    check {with_delta(base, 8)}, -8, {number(read_result(access, 0))}\n")
            lines.append(f"    check {with_delta(base, 8)}, -5, {number(read_result(access, 3))}\n")
    lines += ["    push 0\n", "    ret\n", ".end\n"]
    return "".join(lines)


# Writing: three cells around the place are compared.

VALUES = [0x1122334455667788, 0, -1 & CELL, 0x80, 0x7FEDCBA987654321]


def written(access, offset, value):
    memory = bytearray(b"\xaa" * AREA)
    memory[offset : offset + access.width] = value.to_bytes(8, "little")[: access.width]
    return [int.from_bytes(memory[at : at + 8], "little") for at in range(0, AREA, 8)]


def write_case(access, immediate):
    operand = " operand" if immediate else ""
    lines = [header(access, immediate), "\n", f".macro operation{operand}\n"]
    lines += [f"    {access.mnemonic}{' ' + chr(92) + 'operand' if immediate else ''}\n", ".endm\n"]
    shape = ("write" if access.indexed else "write-at") + ("-immediate" if immediate else "")
    lines += [f'.include "../{shape}.cvmi"\n', "\n", ".func main () -> 1\n"]
    lines += ["    declare base\n"] if not immediate else []
    lines += ["    declare offset\n"] if access.indexed else []
    lines += ["    declare value\n", "    declare object[3]\n"]
    for area in ("b:area", "l:object", "h:8"):
        places = [(area, offset) for offset in offsets(access)]
        if access.indexed and area != "l:object":
            places += [(with_delta(area, 8), -8), (with_delta(area, 8), -5)]
        for index, (base, offset) in enumerate(places):
            value = VALUES[index % len(VALUES)]
            at = offset if offset >= 0 else 8 + offset
            cells = ", ".join(f"0x{cell:016x}" for cell in written(access, at, value))
            if access.indexed:
                lines.append(f"    check {area}, {base}, {offset}, {number(value)}, {cells}\n")
            elif immediate or area != "l:object" or offset == 0:
                lines.append(f"    check {area}, {with_delta(base, offset)}, {number(value)}, {cells}\n")
            else:
                lines.append(f"    check_computed {area}, {offset}, {number(value)}, {cells}\n")
    lines += ["    push 0\n", "    ret\n", ".end\n"]
    return "".join(lines)


# Faults: (base, offset, address in the report or None) of each run.


def outside(verb):
    return f"{verb}-out-of-bounds"


def stack_rows(access):
    """Rows for each fault of the form whose address is on the stack."""
    last = 1 - access.width
    end = BSS_AREA + AREA
    big = 0x1FFFFFFFFFFFFFFF
    rows = {}

    def row(fault, base, offset, address=None):
        rows.setdefault(fault, []).append((base, offset, address))

    past = outside(access.verb)
    row(past, "b:bss_end", last, f"b:{end + last:#x} segment=bss symbol=area{AREA + last:+d}")
    row(past, "b:bss_end", 0, f"b:{end:#x} segment=bss symbol=area{AREA:+d}")
    row(past, "b:area", AREA + 8, f"b:{end + 8:#x}")
    row(past, "BSS", big, f"b:{big:#x}")
    row(past, "b:area", 1 << 60)
    if access.indexed:
        row(past, "BSS", -1)
        row(past, "b:bss_end", 1 << 61)
        row(past, "BSS", 2 << 61)
        row(past, "BSS", 1 << 63)
    if not access.write:
        row(past, "d:data_end", last)
        row(past, "d:data_end", 0)
        row(past, "DATA", 1 << 40, f"d:{1 << 40:#x}")
    row(past, "HEAP", 65536 + last, f"h:{65536 + last:#x} segment=heap")
    row(past, "HEAP", 65536, "h:0x10000")
    row(past, "HEAP", 1 << 36, f"h:{1 << 36:#x}")
    text = f"{access.verb}-{'to' if access.write else 'from'}-text"
    row(text, "t:main", 0, None)
    row(text, "t:main", 1, None)
    row(text, "TEXT", 1 << 40, f"t:{1 << 40:#x} segment=text")
    if access.write:
        row("write-to-data", "d:pattern", 0, None)
        row("write-to-data", "DATA", 0, "d:0x0 segment=data")
        row("write-to-data", "d:data_end", 0, None)
        row("write-to-data", "DATA", 1 << 40, f"d:{1 << 40:#x}")
    row("dangling-local", "LOCAL", 0, "l:0x0 segment=local")
    row("dangling-local", "LOCAL", 4096, "l:0x1000")
    row("dangling-local", "LOCAL", 1 << 40, f"l:{1 << 40:#x}")
    row("null-pointer", "0", 0, "a:0x0 segment=absolute")
    row("null-pointer", "8", 0, "a:0x8")
    row("null-pointer", "0", 0xFFFF, "a:0xffff")
    row("absolute-access", "0x10000", 0, "a:0x10000")
    row("absolute-access", "0", 0x400000, "a:0x400000")
    row("absolute-access", "0x7fffffffe000", 8, "a:0x7fffffffe008")
    row("reserved-segment", "RESERVED", 0, "0xc000000000000000")
    row("reserved-segment", "RESERVED", 8, "0xc000000000000008")
    row("reserved-segment", "RESERVED", big, "0xdfffffffffffffff")
    row("upper-half-address", "UPPER", 0, "0xe000000000000000")
    row("upper-half-address", "-8", 0, "0xfffffffffffffff8")
    row("upper-half-address", "-1", 0, "0xffffffffffffffff")
    row("non-canonical-address", "0x800000000000", 0, "a:0x800000000000")
    row("non-canonical-address", "0x1000000000000", 8, "a:0x1000000000008")
    row("non-canonical-address", "0x1000000000000000", 0, "a:0x1000000000000000")
    return rows


def immediate_rows(access):
    """(operand, rows) for each fault of the form whose address is the operand."""
    past = outside(access.verb)
    last = 1 - access.width
    rows = {}

    def row(word, fault, operand, offset, address=None):
        rows.setdefault((word, fault, operand), []).append((offset, address))

    if not access.indexed:
        row("null-pointer", "null-pointer", "a:0", None, "a:0x0 segment=absolute")
        row("absolute-access", "absolute-access", "a:0x10000", None, "a:0x10000 segment=absolute")
        return rows
    for offset in (AREA + last, AREA, AREA + 8, -1 - BSS_AREA, 1 << 40, 1 << 61, 1 << 63):
        address = BSS_AREA + offset
        row(past, past, "b:area", offset, f"b:{address:#x} segment=bss" if 0 <= address < 1 << 61 else None)
    if not access.write:
        for offset in (0, last, 8, 1 << 40):
            row(f"{past}.data", past, "d:data_end", offset, None)
    for offset in (65536 + last, 65536, 1 << 32, -1):
        row(f"{past}.heap", past, "h:0", offset, f"h:{offset:#x} segment=heap" if offset > 0 else None)
    text = f"{access.verb}-{'to' if access.write else 'from'}-text"
    for offset in (0, 1, 1 << 40):
        row(text, text, "t:main", offset, None)
    if access.write:
        for offset in (0, 1 << 40):
            row("write-to-data", "write-to-data", "d:pattern", offset, None)
    inside = f"{access.verb}-outside-local"
    for offset in (AREA + last, AREA, -8, -1, 1 << 40, 1 << 63):
        row(inside, inside, "l:object", offset, None)
    for offset in (0, 8, 0xFFFF):
        row("null-pointer", "null-pointer", "a:0", offset, f"a:{offset:#x}")
    for offset in (0x10000, 0x7FFFFFFFE000):
        row("absolute-access", "absolute-access", "a:0", offset, f"a:{offset:#x}")
    for offset in (1 << 47, 1 << 60):
        row("non-canonical-address", "non-canonical-address", "a:0", offset, f"a:{offset:#x}")
    return rows


NAMES = {"TEXT": 1, "DATA": 2, "BSS": 3, "LOCAL": 4, "HEAP": 5, "RESERVED": 6, "UPPER": 7}


def expectations(fault, line, addresses):
    text = ""
    for run, address in enumerate(addresses):
        text += f";! args: {run}\n" if len(addresses) > 1 else ""
        text += f";! fault: {fault} @{line}{f' address={address}' if address else ''}\n"
    return text


def program(table, body, pattern):
    """The source below the expectations; `@` marks the instruction that faults."""
    if not table:
        return "\n.entry main\n\n" + "".join(body)
    names = sorted({word for line in table for word in NAMES if word in line})
    text = '\n.include "../argument.cvmi"\n.heap 64K, 64K\n'
    text += "".join(f".equ {name}, {NAMES[name]} << 61\n" for name in names)
    text += f"\n.bss\narea:       .reserve {AREA}\nbss_end:\n\n.data\n"
    text += "pattern:    .quad 0x8877665544332211\n" if pattern else ""
    text += "inputs:\n" + "".join(table) + "data_end:\n"
    return text + "\n.text\n" + "".join(body)


def finish(access, immediate, note, fault, addresses, text):
    top = header(access, immediate) + note
    runs = len(addresses)
    line = top.count("\n") + (2 * runs if runs > 1 else 1) + text[: text.index("@")].count("\n") + 1
    return top + expectations(fault, line, addresses) + text.replace("@", "")


def stack_fault_case(access, fault, rows):
    table = []
    for base, offset, _ in rows:
        if access.indexed:
            table.append(f"    .quad {base}, {number(offset)}\n")
        else:
            sign = "+" if offset >= 0 else "-"
            table.append(f"    .quad {base} {sign} {number(abs(offset))}\n" if offset else f"    .quad {base}\n")
    size = 16 if access.indexed else 8
    body = [".func main ()\n", "    declare row\n", "    call argument\n", f"    push {size}\n", "    i_mul\n", "    i_write l:row\n"]
    body += ["    i_read l:row\n", "    q_read d:inputs\n"]
    body += ["    i_read l:row\n", "    q_read d:inputs+8\n"] if access.indexed else []
    body += ["    push 0x1122334455667788\n"] if access.write else []
    body += [f"@    {access.mnemonic}\n"]
    body += [] if access.write else ["    drop\n"]
    body += ["    ret\n", ".end\n"]
    text = program(table, body, "d:pattern" in "".join(table))
    note = "; The argument is the row of inputs.\n"
    return finish(access, False, note, fault, [row[2] for row in rows], text)


def immediate_fault_case(access, fault, operand, rows):
    table = [f"    .quad {number(offset)}\n" for offset, _ in rows if offset is not None]
    body = [".func main ()\n"]
    if operand == "l:object":
        body += ["    declare before\n", "    declare object[3]\n", "    declare after[2]\n"]
        body += ["    push l:before\n    drop\n    push l:after\n    drop\n"]
    if table:
        body += ["    call argument\n", "    push 8\n", "    i_mul\n", "    q_read d:inputs\n"]
    body += ["    push 0x1122334455667788\n"] if access.write else []
    body += [f"@    {access.mnemonic} {operand}\n"]
    body += [] if access.write else ["    drop\n"]
    body += ["    ret\n", ".end\n"]
    text = program(table, body, operand == "d:pattern")
    note = "; The argument is the row of inputs.\n" if table else ""
    warning = "  ;! warning: write-to-data" if fault == "write-to-data" else ""
    text = text.replace(f"@    {access.mnemonic} {operand}\n", f"@    {access.mnemonic} {operand}{warning}\n")
    return finish(access, True, note, fault, [row[1] for row in rows], text)


def cases():
    """(path below tests/cases/instructions, contents) of every file."""
    for access in ACCESSES:
        for immediate in (False, True):
            make = write_case if access.write else read_case
            word = ".immediate" if immediate else ""
            yield f"memory/{access.mnemonic}{word}.cvma", make(access, immediate)
        for fault, rows in stack_rows(access).items():
            yield f"memory/{access.mnemonic}.{fault}.cvma", stack_fault_case(access, fault, rows)
        for (word, fault, operand), rows in immediate_rows(access).items():
            yield f"memory/{access.mnemonic}.immediate.{word}.cvma", immediate_fault_case(access, fault, operand, rows)
