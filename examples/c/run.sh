#!/usr/bin/env bash
# Compiles one of these programs to WebAssembly and runs it on CVM, with the current directory for its files.
#
#   ./run.sh words README.md
#   ./run.sh match 'f.*t$' < some.txt
#   echo '2 ^ 10' | ./run.sh calc
#
# Needs clang with WebAssembly: on Debian, clang lld wasi-libc libclang-rt-dev-wasm32. CVM names another `cvm`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:?usage: run.sh PROGRAM [ARGS]...}
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
clang --target=wasm32-wasi -O2 -g -Wall -o "$out/$program.wasm" "$here/$program.c"
"${CVM:-cvm}" run --dir . "$out/$program.wasm" "$@"
