#!/bin/sh
# The core with sanitizers, in a build folder and a copy of the package of its own: tests of what reads bytes, and
# mutations of tests/fuzz.
#
#   tests/sanitize.sh address,undefined [MUTATIONS]
#   tests/sanitize.sh thread [MUTATIONS]
set -eu
cd "$(dirname "$0")/.."
python=$(command -v "${PYTHON:-$PWD/.venv/bin/python}")  # CMake ignores a relative path
sanitizers=$1
mutations=${2:-400}
folder=build/sanitize-${sanitizers%%,*}

mkdir -p build
cmake -S . -B "$folder" -DPython_EXECUTABLE="$python" -DBITSBACK_SANITIZE="$sanitizers" >"$folder.log"
cmake --build "$folder" --target _core >>"$folder.log"
rm -rf "$folder/python"
mkdir "$folder/python"
cp -r src/bitsback "$folder/python"
rm -f "$folder"/python/bitsback/_core*.so
cp "$folder"/_core*.so "$folder/python/bitsback"

# Python is built without sanitizers, so what they need must be there before it; it frees little at its end, and of what
# it does between its threads they know what goes through pthreads.
case $sanitizers in
    address*) library=asan ;;
    thread) library=tsan ;;
esac
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$folder/CMakeCache.txt")
LD_PRELOAD=$("$compiler" -print-file-name=lib$library.so):$("$compiler" -print-file-name=libstdc++.so.6)
ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16
UBSAN_OPTIONS=print_stacktrace=1
TSAN_OPTIONS=halt_on_error=1:report_signal_unsafe=0
PYTHONPATH=$PWD/$folder/python:$PWD/lab/src:$PWD/train/src
PYTHONMALLOC=malloc
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS PYTHONPATH PYTHONMALLOC

run() {
    # The shadow memory of TSan wants its place.
    setarch "$(uname -m)" -R "$python" "$@"
}

if [ "$library" = tsan ]; then
    # TSan has no threads in a process that was forked while there were others.
    run -m pytest -q -p no:cacheprovider tests/message tests/codecs/test_threads.py tests/codecs/test_on_lanes.py \
        tests/archive/test_processes.py -k "not forked"
else
    run -m pytest -q -p no:cacheprovider tests/message tests/codecs tests/integer tests/archive/test_hostile.py \
        tests/archive/test_any_shape_blocks.py tests/archive/test_series.py tests/reference/test_networks.py \
        tests/images/test_deflate_tokens.py
fi
run tests/fuzz/run.py --mutations "$mutations"
