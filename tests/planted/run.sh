#!/usr/bin/env bash
# Plants each bug of this folder in a copy of the tree and runs the differential test, which must find it.
#
#     tests/planted/run.sh [NAME…]       all, or those whose file name contains a NAME
#
# PLANTED_PROGRAMS  how many programs the test may take (200,000)
# PLANTED_SECONDS   how long it may run (400)
# CARGO_TARGET_DIR  where to build; a folder of its own below the repository's target if it is not set
#
# Exit status 1 if a bug was not found, or if a patch does not apply any more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
programs=${PLANTED_PROGRAMS:-200000}
seconds=${PLANTED_SECONDS:-400}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/planted}
tree=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$tree" 2>/dev/null; rm -rf "$tree"' EXIT
git -C "$root" worktree add --quiet --detach "$tree" HEAD || exit 1

wanted() {
    [ $# -eq 1 ] && return 0
    local file=$1 name
    shift
    for name in "$@"; do
        case $file in *"$name"*) return 0 ;; esac
    done
    return 1
}

missed=0
printf '%-36s %-10s %10s %8s\n' bug result programs seconds
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    wanted "$name" "$@" || continue
    git -C "$tree" checkout --quiet --force HEAD
    if ! git -C "$tree" apply --recount -C1 "$patch" 2>"$tree/apply.log"; then
        printf '%-36s %s\n' "$name" 'the patch does not apply'
        cat "$tree/apply.log" >&2
        missed=1
        continue
    fi
    if ! (cd "$tree" && cargo test --quiet -p cvm --no-default-features --features jit,ffi --test differential --no-run) >"$tree/build.log" 2>&1; then
        printf '%-36s %s\n' "$name" 'does not build'
        cat "$tree/build.log" >&2
        missed=1
        continue
    fi
    start=$SECONDS
    (cd "$tree" && CVM_DIFFERENTIAL_PROGRAMS=$programs CVM_DIFFERENTIAL_THREADS=1 CVM_DIFFERENTIAL_SMALLER=no \
        timeout "$seconds" cargo test --quiet -p cvm --no-default-features --features jit,ffi --test differential -- --nocapture) >"$tree/run.log" 2>&1
    status=$?
    took=$((SECONDS - start))
    count=$(sed -n 's/^\([0-9]*\) programs from seed .*/\1/p' "$tree/run.log" | tail -1)
    if [ $status -eq 0 ] || [ $status -eq 124 ]; then
        result='NOT FOUND'
        missed=1
    elif [ -n "$count" ]; then
        result=found
    else
        # It took the process down; the last line of progress says after how many.
        result=crashed
        count=$(sed -n 's/^\([0-9]*\) programs, .*/\1+/p' "$tree/run.log" | tail -1)
    fi
    printf '%-36s %-10s %10s %8s\n' "$name" "$result" "${count:-0+}" "$took"
done
exit $missed
