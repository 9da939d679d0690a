#!/usr/bin/env bash
# Makes the modules again (Debian: clang lld). The paths in them are those that the test expects.
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for level in 0 2; do
  clang --target=wasm32 -O$level -g -fdebug-prefix-map="$PWD=/c" -c -o "$out/lines.o" lines.c
  clang --target=wasm32 -O$level -c -o "$out/plain.o" plain.c
  exports=(called in_place inlined without_lines)
  wasm-ld --no-entry "${exports[@]/#/--export=}" -o "lines-O$level.wasm" "$out/lines.o" "$out/plain.o"
done
