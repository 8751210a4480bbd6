#!/bin/sh
# libFuzzer on the core, without Python: builds tests/fuzz/native/core.cpp by clang, with ASan and UBSan, and runs it for
# some seconds from test vectors that are whole. What it finds is left in build/fuzz/found; give such a file as the
# argument of build/fuzz/core_fuzzer to run it again.
#
#   tests/fuzz/native/run.sh [SECONDS]
set -eu
cd "$(dirname "$0")/../../.."
python=${PYTHON:-.venv/bin/python}
folder=build/fuzz

mkdir -p build
cmake -S . -B "$folder" -DCMAKE_CXX_COMPILER="${CXX:-clang++}" \
    -DBITSBACK_SANITIZE=address,undefined -DBITSBACK_FUZZERS=ON >"$folder.log"
cmake --build "$folder" >>"$folder.log"
"$python" tests/fuzz/native/seeds.py "$folder/seeds"
mkdir -p "$folder/found" "$folder/corpus"
# What takes too much memory is refused above the core, by the bounds of docs/model-format.md.
"$folder/core_fuzzer" -fork=1 -ignore_ooms=1 -ignore_timeouts=1 -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
    -max_total_time="${1:-60}" -artifact_prefix="$folder/found/" "$folder/corpus" "$folder/seeds"
