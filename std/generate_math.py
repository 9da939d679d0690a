#!/usr/bin/env python3
"""Writes the tables and coefficients of std/math.cvma, between its lines "; tables" and "; end of tables".

Everything is computed here with mpmath (`pip install mpmath`), at 400 bits:

- tables hold a value as the nearest binary64 and the rest as another, unless their comment says otherwise;
- coefficients are those of the polynomial that interpolates the function at the Chebyshev nodes of its interval, each
  rounded to binary64. The comment of each gives the largest error of the polynomial, coefficients rounded, relative to
  the function that it is a part of, found on 2,000 points of the interval.

    python3 std/generate_math.py           writes the tables
    python3 std/generate_math.py --check   fails if they differ from what would be written
"""

import sys
from math import ceil
from pathlib import Path

from mpmath import mp, mpf, atan, cos, expm1, floor, ln, log1p, pi, sin, sqrt, tanh

mp.prec = 400
SOURCE = Path(__file__).resolve().parent / "math.cvma"


def double(value):
    """The nearest binary64 of a number, which is a normal one."""
    return float(mpf(value))


def spelled(value):
    """A binary64 in hexadecimal, as the assembler reads it."""
    return float(value).hex()


def pair(value):
    """A number as the sum of two binary64."""
    high = double(value)
    return high, double(value - high)


def upper_bits(value, lowest):
    """A number without the bits below 2**lowest."""
    unit = mpf(2) ** lowest
    return double(floor(value / unit) * unit)


def interpolate(function, low, high, count):
    """The coefficients, constant first, of the polynomial through a function's values at Chebyshev nodes."""
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    # Newton's divided differences, expanded.
    differences = [function(node) for node in nodes]
    for order in range(1, count):
        for i in range(count - 1, order - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order])
    coefficients = [differences[-1]]
    for i in range(count - 2, -1, -1):
        shifted = [mpf(0)] + coefficients
        for j, coefficient in enumerate(coefficients):
            shifted[j] -= nodes[i] * coefficient
        shifted[0] += differences[i]
        coefficients = shifted
    return coefficients


class Polynomial:
    """Coefficients with a name, and the function that they approximate: weight * q is what the error is relative to."""

    def __init__(self, name, text, function, low, high, count, share):
        low, high = mpf(low), mpf(high)
        self.name, self.text = name, text
        self.coefficients = [double(c) for c in interpolate(function, low, high, count)]
        self.error = mpf(0)
        for i in range(2001):
            x = low + (high - low) * i / 2000
            if x == 0:
                continue
            value = mpf(0)
            for coefficient in reversed(self.coefficients):
                value = value * x + coefficient
            self.error = max(self.error, abs((value - function(x)) * share(x)))

    def lines(self):
        bound = ceil(mp.log(self.error, 2) * 10) / 10
        yield f"; {self.text}; error 2^{bound}"
        yield f"{self.name}:"
        yield from rows(self.coefficients, 4)


def series(function, first, divisor):
    """The quotient (function(x) - first(x)) / divisor(x), also near 0, where the working precision makes up for it."""

    def quotient(x):
        x = x if abs(x) > mpf(2) ** -60 else mpf(2) ** -60
        return (function(x) - first(x)) / divisor(x)

    return quotient


def even(function, first, divisor):
    """As `series`, as a function of the square of x."""
    quotient = series(function, first, divisor)
    return lambda u: quotient(sqrt(u) if u > mpf(2) ** -120 else mpf(2) ** -60)


def root(function):
    """A function of x as one of u, the square of x."""
    return lambda u: function(sqrt(u))


def polynomials():
    step = ln(2) / 256 * mpf("1.0001")
    yield Polynomial(
        "exp_short", "(e^r - 1 - r) / r^2, |r| <= ln 2 / 256", series(expm1, lambda r: r, lambda r: r**2),
        -step, step, 4, lambda r: r**2)
    yield Polynomial(
        "exp_long", "the same for two binary64", series(expm1, lambda r: r, lambda r: r**2),
        -step, step, 5, lambda r: r**2)
    yield Polynomial(
        "expm1_q", "(e^x - 1 - x - x^2 / 2) / x^3, |x| <= 2^-5",
        series(expm1, lambda x: x + x * x / 2, lambda x: x**3),
        -mpf(1) / 32, mpf(1) / 32, 8, lambda x: x**3 / expm1(x))
    yield Polynomial(
        "log_q", "(log(1 + r) - r + r^2 / 2) / r^3, -0.0046 <= r <= 0.0079",
        series(log1p, lambda r: r - r * r / 2, lambda r: r**3),
        mpf("-0.0046"), mpf("0.0079"), 7, lambda r: r**3 / log1p(r))
    quarter = (pi / 4 * mpf("1.0001")) ** 2
    yield Polynomial(
        "sin_q", "(sin x - x + x^3 / 6) / x^5 of u = x^2, |x| <= pi / 4",
        even(sin, lambda x: x - x**3 / 6, lambda x: x**5), mpf(0), quarter, 7, root(lambda x: x**5 / sin(x)))
    yield Polynomial(
        "cos_q", "(cos x - 1 + x^2 / 2) / x^4 of u = x^2, |x| <= pi / 4",
        even(cos, lambda x: 1 - x**2 / 2, lambda x: x**4), mpf(0), quarter, 7, root(lambda x: x**4 / cos(x)))
    yield Polynomial(
        "atan_q", "(atan t - t) / t^3 of u = t^2, |t| <= 1 / 127",
        even(atan, lambda t: t, lambda t: t**3), mpf(0), mpf(1) / 127**2, 4, root(lambda t: t**3 / atan(t)))
    yield Polynomial(
        "sinh_q", "(sinh x - x) / x^3 of u = x^2, |x| <= 1 / 4",
        even(mp.sinh, lambda x: x, lambda x: x**3), mpf(0), mpf(1) / 16, 7, root(lambda x: x**3 / mp.sinh(x)))
    yield Polynomial(
        "tanh_q", "(tanh x - x) / x^3 of u = x^2, |x| <= 1 / 4",
        even(tanh, lambda x: x, lambda x: x**3), mpf(0), mpf(1) / 16, 10, root(lambda x: x**3 / tanh(x)))
    yield Polynomial(
        "cbrt_start", "the cube root of m, 1 <= m < 2",
        mp.cbrt, mpf(1), mpf(2), 5, lambda m: 1 / mp.cbrt(m))


def rows(values, width):
    """Binary64 as data, so many a line."""
    for i in range(0, len(values), width):
        yield f"    .float {', '.join(spelled(value) for value in values[i:i + width])}"


def exp_table():
    yield "; 2^(j / 128), j from 0 to 127, in two parts each"
    yield "exp_table:"
    yield from rows([part for j in range(128) for part in pair(mpf(2) ** (mpf(j) / 128))], 4)


def log_table():
    yield "; For each of 128 intervals from 0.6875 to 1.375: 1 / c, rounded to a multiple of 2^-10, for c in its middle, or"
    yield "; 1 for the two at 1; then log c in two parts, the first a multiple of 2^-42"
    yield "log_table:"
    for j in range(128):
        # The interval of the bits 0x3FE6_0000_0000_0000 + (j << 45) and on, with the exponent of those bits.
        mantissa = j + 48
        low = mpf(128 + mantissa % 128) / 128 if mantissa >= 128 else mpf(128 + mantissa) / 256
        width = mpf(1) / 128 if mantissa >= 128 else mpf(1) / 256
        inverse = mpf(int(mp.nint(1024 / (low + width / 2)))) / 1024
        if low == 1 or low + width == 1:
            inverse = mpf(1)
        value = -ln(inverse)
        unit = mpf(2) ** -42
        high = mp.nint(value / unit) * unit
        assert max(abs(low * inverse - 1), abs((low + width) * inverse - 1)) < mpf("0.0079")
        yield from rows([inverse, high, double(value - high)], 3)


def atan_table():
    yield "; atan(j / 64), j from 0 to 64, in two parts each"
    yield "atan_table:"
    yield from rows([part for j in range(65) for part in pair(atan(mpf(j) / 64))], 4)


def two_over_pi():
    words = 21
    bits = int(floor(2 / pi * mpf(2) ** (64 * (words - 1))))
    yield "; 2 / pi: its bits behind the point, the first word first, behind a word of zeros"
    yield "two_over_pi:"
    shifts = range(64 * (words - 1), -64, -64)
    spellings = [f"0x{(bits >> shift) & (2**64 - 1):016x}" for shift in shifts]
    for i in range(0, words, 4):
        yield f"    .quad {', '.join(spellings[i:i + 4])}"


def constants():
    yield from named("ln2_128_high", "ln 2 / 128, to 2^-42", [upper_bits(ln(2) / 128, -42)])
    yield from named("ln2_128_low", "the rest", [double(ln(2) / 128 - upper_bits(ln(2) / 128, -42))])
    yield from named("ln2_high", "ln 2, to 2^-42", [upper_bits(ln(2), -42)])
    yield from named("ln2_low", "the rest", [double(ln(2) - upper_bits(ln(2), -42))])
    yield from named("ln2_pair", "ln 2 in two parts", pair(ln(2)))
    yield from named("log2e_128", "128 / ln 2", [double(128 / ln(2))])
    yield from named("log2e_pair", "1 / ln 2 in two parts", pair(1 / ln(2)))
    yield from named("log10e_pair", "1 / ln 10 in two parts", pair(1 / ln(10)))
    yield from named("sixth_pair", "-1 / 6 in two parts", pair(-mpf(1) / 6))
    half = pi / 2
    first = double(half)
    second = double(half - first)
    yield from named("half_pi_parts", "pi / 2 in three parts", [first, second, double(half - first - second)])
    yield from named("two_over_pi_near", "2 / pi", [double(2 / pi)])
    yield from named("cbrt_scale", "the cube roots of 1, 2 and 4", [1.0, double(mp.cbrt(2)), double(mp.cbrt(4))])


def named(name, text, values):
    yield f"; {text}"
    yield f"{name}:"
    yield from rows(values, 4)


def tables():
    mp.prec = 1400
    reduction = list(two_over_pi())
    mp.prec = 400
    yield ".data"
    yield "    .align 16"
    yield from exp_table()
    yield from log_table()
    yield from atan_table()
    yield from reduction
    yield from constants()
    for polynomial in polynomials():
        yield from polynomial.lines()


def main():
    text = SOURCE.read_text()
    start, end = "; tables\n", "; end of tables\n"
    before, rest = text.split(start, 1)
    _, after = rest.split(end, 1)
    written = before + start + "\n".join(tables()) + "\n" + end + after
    if "--check" in sys.argv[1:]:
        if written != text:
            sys.exit("std/math.cvma differs from what the generator writes")
    else:
        SOURCE.write_text(written)


if __name__ == "__main__":
    main()
