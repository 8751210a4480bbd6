#!/bin/sh
# Builds the fuzzer of the core as OSS-Fuzz asks for it: by $CXX with $CXXFLAGS and $LIB_FUZZING_ENGINE, from $SRC, into
# $OUT. Without that, in empty folders src, out and work, with src/bitsback for the repository:
#
#   SRC=$PWD/src OUT=$PWD/out WORK=$PWD/work CXX=clang++ CXXFLAGS="-O1 -fsanitize=address,fuzzer-no-link" \
#       LIB_FUZZING_ENGINE=-fsanitize=fuzzer src/bitsback/tests/fuzz/oss-fuzz/build.sh
set -eu
cmake -S "$SRC/bitsback" -B "$WORK/bitsback" -DBITSBACK_FUZZERS=ON -DCMAKE_CXX_COMPILER="$CXX" \
    -DCMAKE_CXX_FLAGS="$CXXFLAGS"
cmake --build "$WORK/bitsback" --parallel "$(nproc)"
cp "$WORK/bitsback/core_fuzzer" "$OUT/"
cp -r "$SRC/bitsback/src/bitsback/tables" "$OUT/"
