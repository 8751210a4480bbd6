#!/bin/sh
# The core on other processors: message, codecs, integer networks, least squares and whole chains, built for each by the
# same CMakeLists.txt as what ships, and run under qemu-user, must print what the specification (tests/reference) gives.
# s390x is big-endian.
#
#   PYTHON=.venv/bin/python tests/cross/run.sh
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
packages='cmake qemu-user g++-aarch64-linux-gnu g++-s390x-linux-gnu'
PATH=$(dirname "$python"):$PATH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" tests/cross/vectors.py "$work/vectors" "$work/expected"

# check NAME COMPILER ENGINES [EMULATOR]: builds the driver with all the engines of a processor, and runs it on each
# that the processor has, which must be ENGINES unless that is 'any'.
check() {
    emulator=${4:-}
    for program in cmake "$2" ${emulator%% *}; do
        command -v "$program" >/dev/null || {
            echo "$program is missing; on Debian: apt-get install $packages" >&2
            exit 2
        }
    done
    machine=$("$2" -dumpmachine)
    if [ ! -x "$work/$machine/driver" ]; then
        cmake -S . -B "$work/$machine" -DBITSBACK_DRIVER=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$2" \
            -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${machine%%-*}" -DCMAKE_CXX_FLAGS=-Werror >"$work/log" &&
            cmake --build "$work/$machine" --parallel >>"$work/log" || {
            cat "$work/log" >&2
            exit 1
        }
    fi
    engines=$($emulator "$work/$machine/driver" engines)
    engines=${engines% }
    if [ "$3" != any ] && [ "$3" != "$engines" ]; then
        echo "$1: its engines are '$engines', and should be '$3'" >&2
        exit 1
    fi
    for engine in $engines; do
        BITSBACK_SIMD=$engine $emulator "$work/$machine/driver" <"$work/vectors" >"$work/$1.out"
        cmp "$work/expected" "$work/$1.out"
        echo "$1, $engine: all $(wc -l <"$work/expected") lines are those of the specification"
    done
}

check native "${CXX:-g++}" any
check aarch64 aarch64-linux-gnu-g++ 'scalar neon dotprod' 'qemu-aarch64 -cpu max'
check cortex-a72 aarch64-linux-gnu-g++ 'scalar neon' 'qemu-aarch64 -cpu cortex-a72'
check s390x s390x-linux-gnu-g++ scalar qemu-s390x
