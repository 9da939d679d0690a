#!/usr/bin/env python3
"""Writes the cases of the instructions that compute or access memory into tests/cases/instructions/.

The expected values come from the definition of each instruction, computed here with Python's integers and fractions
(`instruction_cases/semantics.py`, `instruction_cases/ieee.py`), not from any of the machine's own code. The cases of
the other instructions (control, calls, most of the stack, bulk memory) are written by hand beside these.

    python3 tests/generate_instruction_cases.py           writes the files
    python3 tests/generate_instruction_cases.py --check   fails if a file differs from what would be written
"""

import sys
from itertools import chain
from pathlib import Path

from instruction_cases import arithmetic, memory

ROOT = Path(__file__).resolve().parent / "cases" / "instructions"


def main():
    check = "--check" in sys.argv[1:]
    stale = []
    written = 0
    for name, text in chain(arithmetic.cases(), memory.cases()):
        path = ROOT / name
        written += 1
        if path.exists() and path.read_text() == text:
            continue
        if check:
            stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale:
        sys.exit(f"these cases differ from what the generator writes: {', '.join(stale)}")
    print(f"{written} cases {'agree with the generator' if check else 'written'}")


if __name__ == "__main__":
    main()
