"""JPEG files: what an archive of each takes, beside JPEG XL's transcoding and Lepton.

    pip install lepton-jpeg-python
    python benchmarks/compare_jpeg_files.py FOLDER

Every .jpg and .jpeg below the folder is taken. Bytes of a file that a compressor refuses are those
of the file. Seconds are CPU time, one file after the other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bitsback.coding.streams import JpegCoder, decode_streams, encode_streams

Pack = Callable[[bytes], tuple[bytes | None, Callable[[bytes], bytes]]]


def ours(coder: JpegCoder, content: bytes) -> tuple[bytes | None, Callable[[bytes], bytes]]:
    data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
    return data, lambda packed: decode_streams(memoryview(packed), len(content))


def jpeg_xl(content: bytes) -> tuple[bytes | None, Callable[[bytes], bytes]]:
    import imagecodecs

    packed = imagecodecs.jpegxl_encode_jpeg(content, usecontainer=True)
    return bytes(packed), lambda data: bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))


def lepton(content: bytes) -> tuple[bytes | None, Callable[[bytes], bytes]]:
    import lepton_jpeg_python

    return lepton_jpeg_python.compress_bytes(content), lepton_jpeg_python.decompress_bytes


PEERS: dict[str, Pack] = {
    "bitsback": partial(ours, "symbols"),
    "bitsback --best": partial(ours, "decisions"),
    "JPEG XL": jpeg_xl,
    "Lepton": lepton,
}


def main(folder: str) -> None:
    files = [
        path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg")
    ]
    contents = [path.read_bytes() for path in files]
    contents = [content for content in contents if content]
    total = sum(map(len, contents))
    print(f"{len(contents)} files, {total:,} bytes")
    print("| | bytes | percent | refused | MB/s | MB/s restoring |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, pack in PEERS.items():
        size, refused, restored, packing, restoring = 0, 0, 0, 0.0, 1e-9
        for content in contents:
            start = time.process_time()
            try:
                data, unpack = pack(content)
            except (ValueError, RuntimeError):
                data = None
            packing += time.process_time() - start
            if data is None or len(data) >= len(content):
                refused, size = refused + 1, size + len(content)
                continue
            start = time.process_time()
            again = unpack(data)
            restoring += time.process_time() - start
            if again != content:
                refused, size = refused + 1, size + len(content)
                continue
            size, restored = size + len(data), restored + len(content)
        speeds = f"{total / packing / 1e6:.2f} | {restored / restoring / 1e6:.2f}"
        print(
            f"| {name} | {size:,} | {100 * size / total:.1f} | {refused} | {speeds} |", flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1])
