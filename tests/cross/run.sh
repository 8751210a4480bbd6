#!/bin/sh
# The core on other processors: message, codecs, integer networks and whole chains, built for each and run under
# qemu-user, must print what the specification (tests/reference) gives. s390x is big-endian.
#
#   PYTHON=.venv/bin/python tests/cross/run.sh
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
packages='qemu-user g++-aarch64-linux-gnu g++-s390x-linux-gnu'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" tests/cross/vectors.py "$work/vectors" "$work/expected"

# check NAME COMPILER [EMULATOR]
check() {
    for program in "$2" ${3:-}; do
        command -v "$program" >/dev/null || {
            echo "$program is missing; on Debian: apt-get install $packages" >&2
            exit 2
        }
    done
    case $("$2" -dumpmachine) in
        x86_64-*) engines='scalar avx2 avx512' ;;
        *) engines='scalar' ;;
    esac
    objects=
    for engine in $engines; do
        case $engine in
            avx2) flags='-mavx2' ;;
            avx512) flags='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni' ;;
            *) flags= ;;
        esac
        "$2" -std=c++20 -O2 -w $flags -c "src/core/linear_$engine.cpp" -o "$work/$1-$engine.o"
        objects="$objects $work/$1-$engine.o"
    done
    "$2" -std=c++20 -O2 -w -static -Isrc/core tests/cross/driver.cpp src/core/linear.cpp $objects \
        -o "$work/$1"
    ${3:-} "$work/$1" <"$work/vectors" >"$work/$1.out"
    cmp "$work/expected" "$work/$1.out"
    echo "$1: all $(wc -l <"$work/expected") lines are those of the specification"
}

check native "${CXX:-g++}"
check aarch64 aarch64-linux-gnu-g++ qemu-aarch64
check s390x s390x-linux-gnu-g++ qemu-s390x
