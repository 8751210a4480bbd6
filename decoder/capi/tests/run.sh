#!/bin/sh
# Builds the C interface and its test, and runs it over files: sh capi/tests/run.sh FILE...
set -e
here=$(cd "$(dirname "$0")/../.." && pwd)
(cd "$here" && cargo build --release -p bitsback-decode-c)
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
cc -Wall -Wextra -std=c99 -I "$here" "$here/capi/tests/test.c" "$here/target/release/libbitsback_decode_c.a" \
    -lpthread -ldl -lm -o "$out/test"
"$out/test" "$@"
