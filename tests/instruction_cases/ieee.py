"""IEEE 754 arithmetic on bit patterns, by exact rational numbers and one rounding (nearest, ties to even).

Nothing here uses the host's floating point: a value is a Fraction, an infinity, a signed zero or NaN, and every
result is rounded once from its exact value.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt


@dataclass(frozen=True)
class Format:
    """A binary interchange format."""

    width: int
    precision: int  # bits of significand, the hidden one included

    @property
    def fraction_bits(self):
        return self.precision - 1

    @property
    def exponent_bits(self):
        return self.width - self.precision

    @property
    def bias(self):
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def least_exponent(self):
        return 1 - self.bias

    @property
    def sign(self):
        return 1 << (self.width - 1)

    @property
    def mask(self):
        return (1 << self.width) - 1

    @property
    def infinity(self):
        return ((1 << self.exponent_bits) - 1) << self.fraction_bits

    @property
    def nan(self):
        """The canonical quiet NaN."""
        return self.infinity | 1 << (self.fraction_bits - 1)

    def is_negative(self, bits):
        return bool(bits & self.sign)

    def is_nan(self, bits):
        return (bits & ~self.sign) > self.infinity

    def is_infinite(self, bits):
        return (bits & ~self.sign) == self.infinity

    def is_zero(self, bits):
        return (bits & ~self.sign) == 0

    def value(self, bits):
        """The exact value of a finite number."""
        exponent = (bits & ~self.sign) >> self.fraction_bits
        fraction = bits & ((1 << self.fraction_bits) - 1)
        if exponent == 0:
            exponent = 1
        else:
            fraction |= 1 << self.fraction_bits
        power = exponent - self.bias - self.fraction_bits
        magnitude = Fraction(fraction) * Fraction(2) ** power
        return -magnitude if self.is_negative(bits) else magnitude

    def round(self, value, negative_zero=False):
        """The bits of the number nearest to an exact value; an exact zero takes the sign that is given."""
        sign = self.sign if value < 0 or (value == 0 and negative_zero) else 0
        magnitude = abs(value)
        if magnitude == 0:
            return sign
        exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
        if Fraction(2) ** exponent > magnitude:
            exponent -= 1
        exponent = max(exponent, self.least_exponent)
        scaled = magnitude / Fraction(2) ** (exponent - self.fraction_bits)
        whole, rest = divmod(scaled.numerator, scaled.denominator)
        double = 2 * rest - scaled.denominator
        if double > 0 or (double == 0 and whole & 1):
            whole += 1
        if whole >> self.precision:
            whole >>= 1
            exponent += 1
        if exponent > self.bias:
            return sign | self.infinity
        if whole >> self.fraction_bits:
            return sign | (exponent + self.bias) << self.fraction_bits | whole & ((1 << self.fraction_bits) - 1)
        return sign | whole

    # Arithmetic: NaN in or an invalid operation gives the canonical NaN.

    def add(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        if self.is_infinite(a):
            return self.nan if self.is_infinite(b) and a != b else a
        if self.is_infinite(b):
            return b
        both_negative = self.is_negative(a) and self.is_negative(b)
        return self.round(self.value(a) + self.value(b), both_negative)

    def sub(self, a, b):
        return self.nan if self.is_nan(b) else self.add(a, b ^ self.sign)

    def mul(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        sign = (a ^ b) & self.sign
        if self.is_infinite(a) or self.is_infinite(b):
            return self.nan if self.is_zero(a) or self.is_zero(b) else sign | self.infinity
        return self.round(self.value(a) * self.value(b), bool(sign))

    def div(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        sign = (a ^ b) & self.sign
        if self.is_infinite(a):
            return self.nan if self.is_infinite(b) else sign | self.infinity
        if self.is_infinite(b):
            return sign
        if self.is_zero(b):
            return self.nan if self.is_zero(a) else sign | self.infinity
        return self.round(self.value(a) / self.value(b), bool(sign))

    def sqrt(self, a):
        if self.is_nan(a):
            return self.nan
        if self.is_zero(a):
            return a
        if self.is_negative(a):
            return self.nan
        if self.is_infinite(a):
            return a
        value = self.value(a)
        # value * 4**shift is an integer with enough bits for its root to show every bit that rounding looks at.
        shift = 2 * self.precision + value.denominator.bit_length()
        scaled = value * Fraction(4) ** shift
        root = isqrt(scaled.numerator)
        exact = Fraction(root)
        if root * root != scaled.numerator:
            exact += Fraction(1, 2)
        return self.round(exact / Fraction(2) ** shift)

    def fma(self, a, b, c):
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            return self.nan
        sign = (a ^ b) & self.sign
        if self.is_infinite(a) or self.is_infinite(b):
            if self.is_zero(a) or self.is_zero(b):
                return self.nan
            product = sign | self.infinity
            return self.nan if self.is_infinite(c) and c != product else product
        if self.is_infinite(c):
            return c
        both_negative = bool(sign) and self.is_negative(c)
        return self.round(self.value(a) * self.value(b) + self.value(c), both_negative)

    # Bit operations: NaN payloads are kept.

    def abs(self, a):
        return a & ~self.sign & self.mask

    def neg(self, a):
        return a ^ self.sign

    def copysign(self, a, b):
        return a & ~self.sign & self.mask | b & self.sign

    # Order.

    def compare(self, a, b):
        """-1, 0 or 1, or None where there is no order."""
        if self.is_nan(a) or self.is_nan(b):
            return None
        key = lambda bits: self.order_key(bits)
        return (key(a) > key(b)) - (key(a) < key(b))

    def order_key(self, bits):
        if self.is_infinite(bits):
            return (-1 if self.is_negative(bits) else 1, 0)
        return (0, self.value(bits))

    def min(self, a, b):
        return self.extreme(a, b, -1)

    def max(self, a, b):
        return self.extreme(a, b, 1)

    def extreme(self, a, b, wanted):
        order = self.compare(a, b)
        if order is None:
            return self.nan
        if order == 0:
            # Equal: only the zeros can differ, -0 being the smaller.
            return a if self.is_negative(a) == (wanted < 0) else b
        return a if order == wanted else b

    # Rounding to integral values; a zero result keeps the sign of what was rounded.

    def integral(self, a, rounding):
        if self.is_nan(a):
            return self.nan
        if self.is_infinite(a):
            return a
        return self.round(Fraction(rounding(self.value(a))), self.is_negative(a))

    def to_integer(self, a, low, high):
        """The value without its fraction, or None if it is NaN or out of range."""
        if self.is_nan(a) or self.is_infinite(a):
            return None
        value = self.value(a)
        whole = -(-value.numerator // value.denominator) if value < 0 else value.numerator // value.denominator
        return whole if low <= whole <= high else None

    def to_integer_saturating(self, a, low, high):
        if self.is_nan(a):
            return 0
        if self.is_infinite(a):
            return low if self.is_negative(a) else high
        whole = self.to_integer(a, -(1 << 2000), 1 << 2000)
        return min(max(whole, low), high)

    def convert(self, a, other):
        """The number of another format nearest to this one."""
        if self.is_nan(a):
            return other.nan
        sign = other.sign if self.is_negative(a) else 0
        if self.is_infinite(a):
            return sign | other.infinity
        return other.round(self.value(a), bool(sign))


BINARY64 = Format(64, 53)
BINARY32 = Format(32, 24)
