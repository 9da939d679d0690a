#!/usr/bin/env bash
# C programs, compiled for this machine and to WebAssembly: each must do the same in both forms, on every engine. Standard
# output, standard error, exit status and every file that a program makes are compared.
#
#   tests/programs-in-c/run.sh                 all of them
#   tests/programs-in-c/run.sh sqlite bzip2    some of: features sqlite bzip2 zstd miniz examples fault
#
# Needs cc, and clang with WebAssembly (Debian: clang lld wasi-libc libclang-rt-dev-wasm32). The sources of SQLite and the
# others come from crates that `Cargo.lock` beside this script pins; cargo fetches them. CVM names a `cvm` (`cvm` by default),
# CVM_ENGINES engines. What is built stays in cargo's target directory, and is built again when a source is newer.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cvm=$(command -v "${CVM:-cvm}") || { echo "run.sh: no \`${CVM:-cvm}\`: name one in CVM" >&2; exit 2; }
cvm=$(realpath "$cvm")
engines=${CVM_ENGINES:-interp jit auto}
for tool in cc clang wasm-ld; do
  command -v "$tool" >/dev/null || { echo "run.sh: no $tool" >&2; exit 2; }
done
built=$(cargo metadata --manifest-path "$root/Cargo.toml" --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/programs-in-c
mkdir -p "$built"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Where the sources of a crate are.
metadata=$(cargo metadata --manifest-path "$here/Cargo.toml" --locked --format-version 1)
crate() { grep -o "\"manifest_path\":\"[^\"]*/$1-[0-9][^\"]*/Cargo.toml\"" <<<"$metadata" | head -1 | sed 's/^[^:]*:"//; s|/Cargo.toml"$||'; }

# compile NAME FLAGS... SOURCES...: to NAME and NAME.wasm, side by side. What a program needs in one form only stands in
# native_flags and wasm_flags.
compile() {
  local name=$1 part is_old=""
  shift
  for part in "$here/run.sh" "$@"; do
    case $part in *.c | *.h | *.sh) [ "$part" -ot "$built/$name" ] && [ "$part" -ot "$built/$name.wasm" ] || is_old=1 ;; esac
  done
  [ -n "$is_old" ] || return 0
  clang --target=wasm32-wasi -O2 -w -o "$work/$name.wasm" "$@" "${wasm_flags[@]}" &
  local other=$!
  cc -O1 -w -o "$work/$name.native" "$@" "${native_flags[@]}" -lm
  wait "$other"
  mv "$work/$name.wasm" "$built/$name.wasm"
  mv "$work/$name.native" "$built/$name"
}

# For each form of a program a folder, with the same files in it.
begin() {
  program=$1
  shift
  native_flags=() wasm_flags=()
  started=$SECONDS
  local form
  for form in native $engines; do
    mkdir -p "$work/$program/$form"
    [ $# = 0 ] || cp "$@" "$work/$program/$form"
  done
}

# run INPUT ARGS...: in each folder, with what is called `INPUT` there as standard input.
runs=0
run() {
  local input=$1 form
  shift
  runs=$((runs + 1))
  for form in native $engines; do
    (
      cd "$work/$program/$form"
      set +e
      if [ "$form" = native ]; then
        (exec -a "$built/$program.wasm" "$built/$program" "$@") <"$input" >"$runs.out" 2>"$runs.err"
      else
        "$cvm" run --engine "$form" --dir . "$built/$program.wasm" "$@" <"$input" >"$runs.out" 2>"$runs.err"
      fi
      echo $? >"$runs.status"
    )
  done
}

# Everything in the folders must be the same.
same() {
  local form
  for form in $engines; do
    diff -r "$work/$program/native" "$work/$program/$form" >"$work/differences" ||
      { echo "$program, --engine $form, differs from the native program:" >&2; head -40 "$work/differences" >&2; exit 1; }
  done
  echo "$program: the same in every form, $1 ($((SECONDS - started)) s)"
}

status() { cat "$work/$program/native/$runs.status"; }

features() {
  begin features
  compile features "$here/features.c"
  run /dev/null made.txt 12 x9 4000 99999999999999999999 -0
  [ "$(status)" = 3 ]
  local lines
  lines=$(wc -l <"$work/features/native/$runs.out")
  run /dev/null folder/that/is/not/there.txt
  run /dev/null
  [ "$(status)" = 2 ]
  same "$lines lines"
}

sqlite() {
  local source form
  source=$(crate libsqlite3-sys)/sqlite3
  begin sqlite "$here/statements.sql" "$here/again.sql"
  wasm_flags=(-D_WASI_EMULATED_{GETPID,MMAN,SIGNAL,PROCESS_CLOCKS} -lwasi-emulated-{getpid,mman,signal,process-clocks})
  compile sqlite -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -I "$source" "$here/sql.c" "$source/sqlite3.c"
  run /dev/null shop.db statements.sql
  [ "$(status)" = 0 ]
  local said
  said=$(tail -1 "$work/sqlite/native/$runs.out")
  # Each form reads, and changes, what another has made: the native one what the last engine made.
  for form in native $engines; do mv "$work/sqlite/$form/shop.db" "$work/sqlite/$form.db"; done
  local maker=$form
  for form in native $engines; do
    cp "$work/sqlite/$maker.db" "$work/sqlite/$form/other.db"
    maker=native
  done
  run /dev/null other.db again.sql
  for form in native $engines; do mv "$work/sqlite/$form.db" "$work/sqlite/$form/shop.db"; done
  same "$said"
}

bzip2() {
  local source part form
  source=$(crate bzip2-sys)/bzip2-1.0.8
  begin bzip2 "$source"/sample[123].{bz2,ref}
  wasm_flags=(-D_WASI_EMULATED_{SIGNAL,PROCESS_CLOCKS} -lwasi-emulated-{signal,process-clocks} "$here/permissions.c")
  compile bzip2 "$source"/{blocksort,huffman,crctable,randtable,compress,decompress,bzlib,bzip2}.c
  # The program itself, unchanged: with files, with standard input and output, with files that are damaged.
  for part in 1 2 3; do
    run /dev/null -dk -c "sample$part.bz2"
    cmp "$work/bzip2/native/$runs.out" "$source/sample$part.ref"
  done
  run sample2.ref -9
  run sample1.ref -1
  run /dev/null -k sample3.ref
  run /dev/null -t sample3.ref.bz2
  run /dev/null -t sample1.ref
  [ "$(status)" = 2 ]
  for form in native $engines; do
    head -c 3000000 "$(crate libsqlite3-sys)/sqlite3/sqlite3.c" >"$work/bzip2/$form/large.txt"
    head -c 20000 "$work/bzip2/$form/sample1.bz2" >"$work/bzip2/$form/cut.bz2"
  done
  run /dev/null large.txt
  [ ! -e "$work/bzip2/native/large.txt" ]
  run /dev/null -dc large.txt.bz2
  run /dev/null -tv cut.bz2
  run /dev/null --help
  same "$runs runs"
}

zstd() {
  local source
  source=$(crate zstd-sys)/zstd/lib
  begin zstd "$(crate bzip2-sys)/bzip2-1.0.8/sample1.ref"
  # Its fast decoder is for machines of 64 bits; what it says of damaged data is something else.
  native_flags=(-DZSTD_DISABLE_ASM -DHUF_DISABLE_FAST_DECODE=1)
  compile zstd -I "$source" "$here/zstd.c" "$source"/{common,compress,decompress}/*.c
  run /dev/null sample1.ref
  [ "$(status)" = 0 ]
  same "$(grep -c '^level' "$work/zstd/native/$runs.err") levels"
}

miniz() {
  local source
  local part
  source=$(crate miniz-sys)
  begin miniz "$(crate bzip2-sys)/bzip2-1.0.8/"sample[13].ref
  compile miniz -DMINIZ_NO_STDIO -I "$source" "$here/miniz.c" "$source/miniz.c"
  for part in 1 3; do
    run /dev/null "sample$part.ref"
    [ "$(status)" = 0 ]
  done
  same "$(head -c 50 "$work/miniz/native/$runs.err" | head -1)"
}

examples() {
  local form
  begin words "$root/README.md" "$root/ARCHITECTURE.md"
  compile words "$root/examples/c/words.c"
  run /dev/null README.md ARCHITECTURE.md
  run README.md
  run /dev/null nothing.txt
  same "$(head -1 "$work/words/native/$runs.err")"
  begin match "$root/README.md"
  compile match "$root/examples/c/match.c"
  run README.md '(fault|trap)s?[ .]'
  run /dev/null x
  same "status $(status) without a match"
  begin calc
  compile calc "$root/examples/c/calc.c"
  for form in native $engines; do
    printf 'r = 2.5\npi * r ^ 2\nsqrt(2) * sqrt(8)\n1 / 0\n2 + * 3\n' >"$work/calc/$form/input"
  done
  run input
  same "status $(status)"
}

# An access outside memory, in a function that the library calls: the report has the C file, line and function.
fault() {
  local level engine status report line call
  line=$(grep -n 'return \*a->value' "$here/fault.c" | cut -d: -f1)
  call=$(grep -n ' qsort(' "$here/fault.c" | cut -d: -f1)
  for level in 0 1 2 s; do
    clang --target=wasm32-wasi -g -O$level -o "$work/fault.wasm" "$here/fault.c"
    for engine in $engines; do
      [ "$("$cvm" run --engine "$engine" "$work/fault.wasm")" = "2 3 1" ]
      status=0
      report=$("$cvm" run --engine "$engine" "$work/fault.wasm" 0xfffffff0 2>&1) || status=$?
      [ "$status" = 139 ] &&
        grep -qF "$here/fault.c:$line:12 in \`by_value\`" <<<"$report" &&
        grep -qF 'return *a->value - *b->value;' <<<"$report" &&
        grep -qF 'tried        to read 4 bytes at h:0xfffffff0' <<<"$report" &&
        grep -q " main+.*$here/fault.c:$call:" <<<"$report" ||
        { printf 'fault, -O%s, --engine %s: status %s\n%s\n' "$level" "$engine" "$status" "$report" >&2; exit 1; }
    done
  done
  echo "$report" | sed -n '1,/tried/p'
  echo "fault: file, line and function at -O0, -O1, -O2, -Os"
}

[ $# -gt 0 ] || set -- features sqlite bzip2 zstd miniz examples fault
for program_name in "$@"; do
  case $program_name in
    features | sqlite | bzip2 | zstd | miniz | examples | fault) "$program_name" ;;
    *) echo "run.sh: no program \`$program_name\`" >&2; exit 2 ;;
  esac
done
