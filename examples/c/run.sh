#!/usr/bin/env bash
# Compiles one of these programs to WebAssembly and runs it on CVM, with the current directory for its files. From anywhere, for
# instance from the root:
#
#   examples/c/run.sh words README.md
#   examples/c/run.sh match '(fault|trap)s?[ .]' < README.md
#   echo '2 ^ 10' | examples/c/run.sh calc
#
# Needs clang with WebAssembly: on Debian, clang lld wasi-libc libclang-rt-dev-wasm32. CVM names a `cvm`; without it, it is the
# installed one, else the one that cargo has built in this tree.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() { printf 'run.sh: %s\n' "$1" >&2; exit 2; }
programs=$(cd "$here" && echo *.c)
program=${1:-}
[ -n "$program" ] || fail "which program? one of: ${programs//.c/}"
[ -e "$here/$program.c" ] || fail "there is no program \`$program\`: it is one of ${programs//.c/}"
shift
for tool in clang wasm-ld; do
  command -v "$tool" >/dev/null || fail "no $tool; on Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32"
done
if [ -z "${CVM:-}" ]; then
  for CVM in cvm "$here/../../target/release/cvm" "$here/../../target/debug/cvm"; do
    command -v "$CVM" >/dev/null && break
  done
fi
command -v "$CVM" >/dev/null || fail "no \`cvm\`: cargo build --release -p cvm, or name one in CVM"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
clang --target=wasm32-wasi -O2 -g -Wall -o "$out/$program.wasm" "$here/$program.c"
"$CVM" run --dir . "$out/$program.wasm" "$@"
