#!/bin/sh
# The core on other processors: message, codecs, integer networks, least squares and whole chains, built for each and run under
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

# check NAME COMPILER ENGINES [EMULATOR]: builds the driver with all the engines of a processor, and runs it on each
# that the processor has, which must be ENGINES unless that is 'any'.
check() {
    emulator=${4:-}
    for program in "$2" ${emulator%% *}; do
        command -v "$program" >/dev/null || {
            echo "$program is missing; on Debian: apt-get install $packages" >&2
            exit 2
        }
    done
    case $("$2" -dumpmachine) in
        x86_64-*) built='scalar avx2 avxvnni avx512vl avx512' ;;
        aarch64-*) built='scalar neon dotprod' ;;
        *) built='scalar' ;;
    esac
    objects=
    for engine in $built; do
        case $engine in
            avx2) flags='-mavx2' ;;
            avxvnni) flags='-mavx2 -mavxvnni' ;;
            avx512*) flags='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni' ;;
            dotprod) flags='-march=armv8.2-a+dotprod' ;;
            *) flags= ;;
        esac
        "$2" -std=c++20 -O2 -Wall -Wextra -Werror $flags -c "src/core/linear_$engine.cpp" -o "$work/$1-$engine.o"
        objects="$objects $work/$1-$engine.o"
    done
    kernels=plain
    case $built in *avx512) kernels='plain avx2 avx512' ;; esac
    for kernel in $kernels; do
        case $kernel in
            avx2) flags='-mavx2' ;;
            avx512) flags='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni' ;;
            *) flags= ;;
        esac
        "$2" -std=c++20 -O2 -Wall -Wextra -Werror $flags -ffp-contract=off \
            -c "src/core/predictive/kernels_$kernel.cpp" -o "$work/$1-kernels-$kernel.o"
        objects="$objects $work/$1-kernels-$kernel.o"
    done
    "$2" -std=c++20 -O2 -w -static -ffp-contract=off -Isrc/core tests/cross/driver.cpp src/core/linear.cpp \
        src/core/predictive/kernels.cpp $objects \
        -o "$work/$1"
    engines=$($emulator "$work/$1" engines)
    engines=${engines% }
    if [ "$3" != any ] && [ "$3" != "$engines" ]; then
        echo "$1: its engines are '$engines', and should be '$3'" >&2
        exit 1
    fi
    for engine in $engines; do
        BITSBACK_SIMD=$engine $emulator "$work/$1" <"$work/vectors" >"$work/$1.out"
        cmp "$work/expected" "$work/$1.out"
        echo "$1, $engine: all $(wc -l <"$work/expected") lines are those of the specification"
    done
}

check native "${CXX:-g++}" any
check aarch64 aarch64-linux-gnu-g++ 'scalar neon dotprod' 'qemu-aarch64 -cpu max'
check cortex-a72 aarch64-linux-gnu-g++ 'scalar neon' 'qemu-aarch64 -cpu cortex-a72'
check s390x s390x-linux-gnu-g++ scalar qemu-s390x
