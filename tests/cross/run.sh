#!/bin/sh
# The core on other processors, and on Windows: message, codecs, integer networks, least squares and whole chains, built
# for each by the same CMakeLists.txt as what ships, and run under qemu-user or Wine, must print what the specification
# (tests/reference) gives. s390x is big-endian.
#
#   PYTHON=.venv/bin/python tests/cross/run.sh
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
packages='cmake qemu-user g++-aarch64-linux-gnu g++-s390x-linux-gnu wine g++-mingw-w64-x86-64'
PATH=$(dirname "$python"):$PATH
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WINEPREFIX="$work/wine" WINEDEBUG=-all
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
    case $machine in
        *-mingw32) system=Windows driver=$work/$machine/driver.exe ;;
        *) system=Linux driver=$work/$machine/driver ;;
    esac
    if [ ! -x "$driver" ]; then
        cmake -S . -B "$work/$machine" -DBITSBACK_DRIVER=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$2" \
            -DCMAKE_SYSTEM_NAME=$system -DCMAKE_SYSTEM_PROCESSOR="${machine%%-*}" -DCMAKE_CXX_FLAGS=-Werror >"$work/log" &&
            cmake --build "$work/$machine" >>"$work/log" || {
            cat "$work/log" >&2
            exit 1
        }
    fi
    engines=$($emulator "$driver" engines)
    engines=${engines% }
    if [ "$3" != any ] && [ "$3" != "$engines" ]; then
        echo "$1: its engines are '$engines', and should be '$3'" >&2
        exit 1
    fi
    for engine in $engines; do
        BITSBACK_SIMD=$engine $emulator "$driver" <"$work/vectors" >"$work/$1.out"
        cmp "$work/expected" "$work/$1.out"
        echo "$1, $engine: all $(wc -l <"$work/expected") lines are those of the specification"
    done
}

# wrong NAME FILE EXPRESSION [FILE EXPRESSION]: the driver with some lines of files changed by sed must print other lines
# for the test items of bundled models, which are the last: four, each behind that of its first message. All are built
# in one folder, so that only what depends on the changed files is compiled again.
wrong() {
    name=$1 source=$work/wrong changed=
    shift
    if [ ! -d "$source" ]; then
        mkdir -p "$source/tests"
        cp -r CMakeLists.txt src "$source" && cp -r tests/cross "$source/tests"
    fi
    while [ $# -gt 0 ]; do
        sed -i "$2" "$source/$1"
        ! cmp -s "$1" "$source/$1" || {
            echo "$name: there is nothing to change in $1" >&2
            exit 1
        }
        changed="$changed $1"
        shift 2
    done
    cmake -S "$source" -B "$source/build" -DBITSBACK_DRIVER=ON -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_CXX_COMPILER="${CXX:-g++}" >"$work/log" &&
        cmake --build "$source/build" >>"$work/log" || {
        cat "$work/log" >&2
        exit 1
    }
    for file in $changed; do
        cp "$file" "$source/$file"
    done
    BITSBACK_SIMD=scalar "$source/build/driver" <"$work/vectors" >"$work/wrong.out" || true
    tail -n 8 "$work/expected" >"$work/right-items"
    tail -n 8 "$work/wrong.out" >"$work/wrong-items"
    for line in 2 4 6 8; do
        if [ "$(sed -n ${line}p "$work/right-items")" = "$(sed -n ${line}p "$work/wrong-items")" ]; then
            echo "$name: the test items of a bundled model do not tell" >&2
            exit 1
        fi
    done
    echo "$name: the test items of each bundled model tell"
}

floats=src/core/default_floats.hpp
round() { echo "s/std::fesetenv(FE_DFL_ENV);/std::fesetenv(FE_DFL_ENV);std::fesetround($1);/"; }

case $("${CXX:-g++}" -dumpmachine) in
    x86_64-*) fused='-mfma;-ffp-contract=fast' ;;
    *) fused='-ffp-contract=fast' ;;
esac
wrong contracted CMakeLists.txt "s/-ffp-contract=off/$fused/" src/core/exact_floats.hpp '/fp-contract/d'
wrong upward $floats "$(round FE_UPWARD)"
wrong downward $floats "$(round FE_DOWNWARD)"
wrong toward-zero $floats "$(round FE_TOWARDZERO)"
check native "${CXX:-g++}" any
check aarch64 aarch64-linux-gnu-g++ 'scalar neon dotprod' 'qemu-aarch64 -cpu max'
check cortex-a72 aarch64-linux-gnu-g++ 'scalar neon' 'qemu-aarch64 -cpu cortex-a72'
check s390x s390x-linux-gnu-g++ scalar qemu-s390x
check windows x86_64-w64-mingw32-g++ any wine
wineserver -k # which would go on for some seconds, in a folder that is removed
