"""The inputs that each kind of operand is tried with, and how a value is written."""

import random
from fractions import Fraction
from itertools import product

from .ieee import BINARY32, BINARY64
from .semantics import CELL, signed

# Cells whose low 32 bits are a number and whose high bits must not matter.
DIRT = 0xDEADBEEF << 32


def i_cells():
    edges = [0, 1, -1, 2, -7, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, -(1 << 63)]
    return [value & CELL for value in edges]


def i_more():
    more = [3, 10, 127, 128, 255, 256, -128, -129, 32767, 32768, 65535, -(1 << 31), 1 << 32, 1 << 62,
            0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x5555555555555555, 0x8000000000000001]
    return [value & CELL for value in more]


def d_cells():
    edges = [0, 1, -1 & 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, -7 & 0xFFFFFFFF]
    return edges + [DIRT | 1, DIRT | 0x80000000, -2 & CELL]


def d_more():
    more = [2, 3, 10, 127, 128, 255, 256, 32767, 32768, 65535, 0x12345678, 0x87654321, 0x55555555, 0x80000001]
    return more + [DIRT, DIRT | 0x7FFFFFFF, DIRT | 0xFFFFFFFF, 1 << 32, 1 << 63, CELL]


def counts(width):
    """Shift counts: below, at and above the width, negative, and with bits far above it."""
    values = [0, 1, 7, width - 1, width, width + 1, 2 * width, -1, 1 << 32, (1 << 32) + 3, 1 << 63]
    return [value & CELL for value in values]


def numbers(format, *texts):
    """The numbers of a format nearest to these fractions."""
    return [format.round(Fraction(text), text.startswith("-")) for text in texts]


def float_edges(format):
    """Zeros, a one, a subnormal, the largest, infinities, and NaNs."""
    values = numbers(format, "0", "-0", "1", "-5/2", "1/10")
    values += [1, format.infinity - 1, format.infinity, format.infinity | format.sign, format.nan]
    return [with_dirt(format, value, i) for i, value in enumerate(values)]


def float_more(format):
    values = numbers(format, "-1", "1/2", "-1/2", "3/2", "-3/2", "5/2", "7/2", "49/100", "-99/100", "3", "100", "-1/3", "2/3", "1000001", "-12345678901/1000")
    halfway = format.round(1) | 1
    values += [
        format.sign | 1,
        (1 << format.fraction_bits) - 1,  # the largest subnormal
        1 << format.fraction_bits,  # the smallest normal
        format.infinity - 1 | format.sign,
        halfway,
        format.nan | format.sign | 0x123,  # a quiet NaN with a payload
        format.infinity | 1,  # a signalling NaN
    ]
    for power in (format.fraction_bits - 1, format.fraction_bits, 31, 32, 62, 63, 64):
        exact = 1 << power
        values += [format.round(exact), format.round(-exact)]
    values += numbers(format, "4503599627370495.5", "8388607.5", "-8388606.5")
    return [with_dirt(format, value, i) for i, value in enumerate(values)]


def with_dirt(format, value, index):
    """Every third binary32 has other bits above it, which must not matter."""
    return value | DIRT if format.width == 32 and index % 3 == 2 else value


def conversion_inputs(format):
    """Floats around the limits of the integer types."""
    values = float_edges(format) + float_more(format)
    for bits, is_signed in ((32, True), (32, False), (64, True), (64, False)):
        high = (1 << (bits - 1) if is_signed else 1 << bits)
        low = -(1 << (bits - 1)) if is_signed else 0
        for limit in (high, low):
            near = format.round(limit)
            values += [near, near - 1, near + 1] if limit else [format.sign | 1]
            values += numbers(format, f"{limit - 1}", f"{limit + 1}", f"{2 * limit - 1}/2", f"{2 * limit + 1}/2")
    return values


def cells(kind, width=None):
    """(edges, more) of a kind of operand."""
    return {
        "i": lambda: (i_cells(), i_more()),
        "d": lambda: (d_cells(), d_more()),
        "n": lambda: (counts(width), []),
        "f": lambda: (float_edges(BINARY64), float_more(BINARY64)),
        "s": lambda: (float_edges(BINARY32), float_more(BINARY32)),
    }[kind]()


def rows(operation):
    """The inputs to try: all pairs of edge values, and pairs of others."""
    width = 64 if operation.inputs[0] in "if" else 32
    chance = random.Random(operation.mnemonic)
    kinds = [cells(kind, width) for kind in operation.inputs]
    if operation.group == "conversion" and operation.inputs[0] in "fs":
        values = conversion_inputs(BINARY64 if operation.inputs[0] == "f" else BINARY32)
        found = [(value,) for value in values]
    elif operation.arity == 1:
        edges, more = kinds[0]
        found = [(value,) for value in edges + more]
        found += [(chance.getrandbits(64),) for _ in range(4)] if operation.inputs[0] in "id" else []
    elif operation.arity == 2:
        pairs = list(product(enumerate(kinds[0][0]), enumerate(kinds[1][0])))
        # Of the integers' pairs every second is enough; the floats' edges all differ in kind.
        every = operation.inputs[0] in "fs"
        found = [(a, b) for (i, a), (j, b) in pairs if every or (i + j) % 2 == 0]
        for _ in range(10):
            found.append(tuple(chance.choice(edges + more) for edges, more in kinds))
        if operation.inputs[0] in "id":
            found += [tuple(chance.getrandbits(64) >> chance.randrange(64) for _ in kinds) for _ in range(6)]
    else:
        found = [tuple(chance.choice(edges + more) for edges, more in kinds) for _ in range(40)]
        found += special_triples(operation)
    return list(dict.fromkeys(found))


def special_triples(operation):
    if operation.mnemonic == "select":
        return [(1, 2, condition & CELL) for condition in (0, 1, -1, 1 << 32, 1 << 63, 0xFF00)]
    format = BINARY64 if operation.inputs[0] == "f" else BINARY32
    n = lambda *texts: tuple(numbers(format, *texts))
    one_and = format.round(1) | 1
    lowest = 1
    return [
        n("2", "3", "4"),
        n("0", "5", "-0"),
        n("-0", "5", "-0"),
        n("-0", "5", "0"),
        n("1", "1", "-1"),
        n("1/10", "10", "-1"),  # the rounding error of 1/10, which two roundings lose
        (one_and, one_and, format.round(-1)),
        (lowest, format.round(1), lowest),
        (lowest, lowest, format.sign | lowest),
        (format.infinity - 1, format.round(2), format.infinity - 1 | format.sign),
        (format.infinity, 0, format.nan),
        (format.infinity, format.round(1), format.infinity | format.sign),
        (format.infinity, 0, format.round(1)),
    ]


def show(value, kind):
    """How a cell is written in a case."""
    if kind == "c":
        return str(value)
    number = signed(value, 64)
    if kind in "id n" and -100000 < number < 100000:
        return str(number)
    width = 16 if kind in "if" or value >> 32 else 8
    return f"0x{value:0{width}x}"


def describe(value, kind):
    """A float's value for the comment; None for integers."""
    if kind not in "fs":
        return None
    format = BINARY64 if kind == "f" else BINARY32
    value &= format.mask
    sign = "-" if format.is_negative(value) else ""
    if format.is_nan(value):
        quiet = value & 1 << (format.fraction_bits - 1)
        payload = value & ((1 << (format.fraction_bits - 1)) - 1)
        return f"{sign}{'nan' if quiet else 'snan'}{f':{payload:#x}' if payload else ''}"
    if format.is_infinite(value):
        return f"{sign}inf"
    if format.is_zero(value):
        return f"{sign}0"
    exact = format.value(value)
    return f"{float(exact):.9g}"
