"""What each arithmetic instruction gives for each input, written from the definition in spec/isa.md.

`OPERATIONS` maps a mnemonic to an `Operation`. Functions take cells and give a cell, or a fault's code as a string.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Callable

from .ieee import BINARY32, BINARY64

CELL = (1 << 64) - 1


@dataclass(frozen=True)
class Operation:
    mnemonic: str
    group: str
    inputs: tuple  # the type of each input: i, d, n (a shift count), f, s
    output: str  # i, d, f, s or c (a condition)
    apply: Callable
    effect: str
    meaning: str

    @property
    def arity(self):
        return len(self.inputs)


OPERATIONS = {}


def define(group, mnemonic, inputs, output, apply, meaning):
    names = {1: "a", 2: "a n" if inputs[-1] == "n" else "a b", 3: "a b c"}[len(inputs)]
    OPERATIONS[mnemonic] = Operation(mnemonic, group, tuple(inputs), output, apply, f"{names} -- r", meaning)


def signed(value, width):
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def nearest(value):
    """A Fraction to the nearest integer, ties to even: what Python's round does on exact fractions."""
    return round(value)


def truncated(value):
    return ceil(value) if value < 0 else floor(value)


def divide_towards_zero(a, b):
    quotient = abs(a) // abs(b)
    return -quotient if (a < 0) != (b < 0) else quotient


def integers(prefix, width, group, compare_group):
    mask = (1 << width) - 1
    s = lambda value: signed(value, width)
    u = lambda value: value & mask
    kind = prefix

    def binary(name, meaning, apply, inputs=None):
        define(group, f"{prefix}_{name}", inputs or (kind, kind), kind, lambda a, b: apply(a, b) & mask, meaning)

    def unary(name, meaning, apply):
        define(group, f"{prefix}_{name}", (kind,), kind, lambda a: apply(a) & mask, meaning)

    def compare(name, meaning, apply):
        define(compare_group, f"{prefix}_{name}", (kind, kind), "c", lambda a, b: int(apply(a, b)), meaning)

    def dividing(name, meaning, apply, overflow=None):
        def checked(a, b):
            if u(b) == 0:
                return "divide-by-zero"
            if overflow and s(a) == -(1 << (width - 1)) and s(b) == -1:
                return overflow
            return apply(a, b) & mask

        define(group, f"{prefix}_{name}", (kind, kind), kind, checked, meaning)

    binary("add", "the sum, wrapping", lambda a, b: a + b)
    binary("sub", "the difference, wrapping", lambda a, b: a - b)
    binary("mul", "the product, wrapping", lambda a, b: u(a) * u(b))
    dividing("div", "the signed quotient, towards zero", lambda a, b: divide_towards_zero(s(a), s(b)), "integer-overflow")
    dividing("udiv", "the unsigned quotient", lambda a, b: u(a) // u(b))
    dividing("rem", "the signed remainder, with the sign of a", lambda a, b: s(a) - s(b) * divide_towards_zero(s(a), s(b)))
    dividing("urem", "the unsigned remainder", lambda a, b: u(a) % u(b))
    unary("neg", "the negative, wrapping", lambda a: -a)
    unary("not", "every bit inverted", lambda a: ~a)
    if prefix == "i":
        binary("mulh", "the high half of the signed product", lambda a, b: s(a) * s(b) >> 64)
        binary("umulh", "the high half of the unsigned product", lambda a, b: u(a) * u(b) >> 64)
        binary("and", "and, bit by bit", lambda a, b: a & b)
        binary("or", "or, bit by bit", lambda a, b: a | b)
        binary("xor", "exclusive or, bit by bit", lambda a, b: a ^ b)
    count = (kind, "n")
    binary("shl", "shifted left", lambda a, n: u(a) << n % width, count)
    binary("shr", "shifted right, sign bits shifted in", lambda a, n: s(a) >> n % width, count)
    binary("ushr", "shifted right, zeros shifted in", lambda a, n: u(a) >> n % width, count)
    binary("rotl", "rotated left", lambda a, n: u(a) << n % width | u(a) >> (width - n % width), count)
    binary("rotr", "rotated right", lambda a, n: u(a) >> n % width | u(a) << (width - n % width), count)
    unary("clz", "leading zero bits", lambda a: width - u(a).bit_length())
    unary("ctz", "trailing zero bits", lambda a: (u(a) & -u(a)).bit_length() - 1 if u(a) else width)
    unary("popcnt", "one bits", lambda a: bin(u(a)).count("1"))
    for letter, bits in (("b", 8), ("w", 16), ("d", 32)):
        if bits < width:
            unary(f"sext_{letter}", f"the low {bits} bits, sign-extended", lambda a, bits=bits: signed(a, bits))
        if prefix == "i":
            unary(f"zext_{letter}", f"the low {bits} bits", lambda a, bits=bits: a % (1 << bits))

    define(compare_group, f"{prefix}_eqz", (kind,), "c", lambda a: int(u(a) == 0), "is it 0?")
    compare("eq", "equal?", lambda a, b: u(a) == u(b))
    compare("ne", "different?", lambda a, b: u(a) != u(b))
    compare("lt", "less, signed?", lambda a, b: s(a) < s(b))
    compare("le", "less or equal, signed?", lambda a, b: s(a) <= s(b))
    compare("gt", "greater, signed?", lambda a, b: s(a) > s(b))
    compare("ge", "greater or equal, signed?", lambda a, b: s(a) >= s(b))
    compare("ult", "less, unsigned?", lambda a, b: u(a) < u(b))
    compare("ule", "less or equal, unsigned?", lambda a, b: u(a) <= u(b))
    compare("ugt", "greater, unsigned?", lambda a, b: u(a) > u(b))
    compare("uge", "greater or equal, unsigned?", lambda a, b: u(a) >= u(b))


def floats(prefix, format, group, compare_group):
    mask = format.mask

    def arithmetic(name, arity, meaning, apply):
        define(group, f"{prefix}_{name}", (prefix,) * arity, prefix, lambda *cells: apply(*[c & mask for c in cells]), meaning)

    def compare(name, meaning, apply):
        def order(a, b):
            return int(apply(format.compare(a & mask, b & mask)))

        define(compare_group, f"{prefix}_{name}", (prefix, prefix), "c", order, meaning)

    arithmetic("add", 2, "the sum", format.add)
    arithmetic("sub", 2, "the difference", format.sub)
    arithmetic("mul", 2, "the product", format.mul)
    arithmetic("div", 2, "the quotient", format.div)
    arithmetic("sqrt", 1, "the square root, correctly rounded", format.sqrt)
    arithmetic("abs", 1, "the sign bit cleared", format.abs)
    arithmetic("neg", 1, "the sign bit inverted", format.neg)
    arithmetic("copysign", 2, "a with the sign of b", format.copysign)
    arithmetic("min", 2, "the smaller", format.min)
    arithmetic("max", 2, "the larger", format.max)
    arithmetic("ceil", 1, "rounded up to an integral value", lambda a: format.integral(a, ceil))
    arithmetic("floor", 1, "rounded down to an integral value", lambda a: format.integral(a, floor))
    arithmetic("trunc", 1, "rounded towards zero to an integral value", lambda a: format.integral(a, truncated))
    arithmetic("nearest", 1, "rounded to the nearest integral value, ties to even", lambda a: format.integral(a, nearest))
    arithmetic("fma", 3, "a * b + c, rounded once", format.fma)
    compare("eq", "equal?", lambda order: order == 0)
    compare("ne", "different, or no order?", lambda order: order != 0)
    compare("lt", "less?", lambda order: order == -1)
    compare("le", "less or equal?", lambda order: order in (-1, 0))
    compare("gt", "greater?", lambda order: order == 1)
    compare("ge", "greater or equal?", lambda order: order in (1, 0))


INTEGERS = {
    "i": ("i", 64, True, "a signed 64-bit integer"),
    "u": ("i", 64, False, "an unsigned 64-bit integer"),
    "d": ("d", 32, True, "a signed 32-bit integer"),
    "ud": ("d", 32, False, "an unsigned 32-bit integer"),
}


def conversions():
    for name, (kind, width, is_signed, words) in INTEGERS.items():
        mask = (1 << width) - 1
        low = -(1 << (width - 1)) if is_signed else 0
        high = low + mask
        for letter, format in (("f", BINARY64), ("s", BINARY32)):

            def from_integer(a, format=format, width=width, is_signed=is_signed, mask=mask):
                return format.round(Fraction(signed(a, width) if is_signed else a & mask))

            def trapping(a, format=format, low=low, high=high, mask=mask):
                whole = format.to_integer(a & format.mask, low, high)
                return "invalid-conversion" if whole is None else whole & mask

            def saturating(a, format=format, low=low, high=high, mask=mask):
                return format.to_integer_saturating(a & format.mask, low, high) & mask

            bits = f"binary{format.width}"
            define("conversion", f"{name}_to_{letter}", (kind,), letter, from_integer, f"the {bits} nearest to {words}")
            define("conversion", f"{letter}_to_{name}", (letter,), kind, trapping, f"a {bits} truncated to {words}")
            define("conversion", f"{letter}_to_{name}_sat", (letter,), kind, saturating, f"a {bits} truncated to {words}, saturating")
    define("conversion", "f_to_s", ("f",), "s", lambda a: BINARY64.convert(a, BINARY32), "the binary32 nearest to a binary64")
    define("conversion", "s_to_f", ("s",), "f", lambda a: BINARY32.convert(a & BINARY32.mask, BINARY64), "a binary32 as binary64")


integers("i", 64, "integer", "integer-compare")
integers("d", 32, "dword", "dword-compare")
floats("f", BINARY64, "float", "float-compare")
floats("s", BINARY32, "single", "single-compare")
conversions()
define("stack", "select", ("i", "i", "i"), "i", lambda a, b, c: a if c else b, "a if the condition is not 0, else b")
