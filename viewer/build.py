"""Put the viewer together: one HTML file with its scripts, the decoder as WebAssembly and models.

    python viewer/build.py            compiles the decoder, and writes src/bitsback/viewer.html
    python viewer/build.py --check    tells whether that file was made of what is here now

Compiling needs cargo, Rust's standard library for wasm32 and lld, of Debian:

    apt-get install cargo libstd-rust-dev-wasm32 lld
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIEWER = ROOT / "viewer"
DECODER = ROOT / "decoder"
OUT = ROOT / "src" / "bitsback" / "viewer.html"
MODELS = ROOT / "src" / "bitsback" / "models" / "bundled"
TABLES = ROOT / "src" / "bitsback" / "tables"

SHARED = ["decoder.js", "source.js", "pixels.js"]
MAIN = ["axes.js", "slide.js", "scheduler.js", "previews.js", "grid.js", "picture.js", "main.js"]

WITH = ["universal*", "graphics*", "bilevel*", "series*"]
"""The models in the page: those of pictures and arrays of any size, not those of data sets."""


def sources() -> list[Path]:
    """All files that the page is made of."""
    files = [
        *VIEWER.glob("*.*"),
        DECODER / "Cargo.toml",
        DECODER / "Cargo.lock",
        DECODER / "build.rs",
    ]
    files += [*(DECODER / "src").rglob("*.rs"), *(DECODER / "wasm").rglob("*.*")]
    files += [*TABLES.glob("*.bin"), *models()]
    return sorted(files)


def models() -> list[Path]:
    return sorted(path for pattern in WITH for path in MODELS.glob(f"{pattern}.safetensors"))


def digest() -> str:
    """The SHA-256 of all sources, with their names."""
    total = hashlib.sha256()
    for path in sources():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def up_to_date() -> bool:
    return OUT.exists() and f'name="bitsback-sources" content="{digest()}"' in OUT.read_text()


def compiled(simd: bool) -> bytes:
    """The decoder as a WebAssembly module."""
    target = DECODER / "target" / ("wasm-simd" if simd else "wasm")
    flags = "-C target-feature=" + ("+simd128" if simd else "+bulk-memory")
    debian = Path("/usr/bin/cargo").exists()  # whose rustc has the library of its package
    command = ["build", "--quiet", "--release", "--offline", "-p", "bitsback-decode-wasm"]
    subprocess.run(
        ["/usr/bin/cargo" if debian else "cargo", *command, "--target", "wasm32-unknown-unknown"],
        cwd=DECODER,
        env=os.environ
        | {
            "RUSTC": "/usr/bin/rustc" if debian else "rustc",
            "CARGO_TARGET_DIR": str(target),
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": linker(),
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": flags,
            "CARGO_PROFILE_RELEASE_DEBUG": "0",
            "CARGO_PROFILE_RELEASE_STRIP": "symbols",
            "CARGO_PROFILE_RELEASE_LTO": "fat",
            "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1",
            "CARGO_PROFILE_RELEASE_PANIC": "abort",
        },
        check=True,
    )
    return (target / "wasm32-unknown-unknown/release/bitsback_decode_wasm.wasm").read_bytes()


def linker() -> str:
    return next(
        (name for name in ("/usr/bin/wasm-ld", "/usr/bin/rust-lld") if Path(name).exists()),
        "rust-lld",
    )


def identity(path: Path) -> str:
    """The first 16 bytes of the identity of a model (docs/model-format.md, M1)."""
    file = path.read_bytes()
    size = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + size])
    data = file[8 + size :]
    total = hashlib.sha256(header.pop("__metadata__")["bitsback"].encode() + b"\0")
    for name, tensor in sorted(header.items()):
        total.update(
            name.encode() + b"\0" + tensor["dtype"].encode() + bytes([0, len(tensor["shape"])])
        )
        total.update(b"".join(extent.to_bytes(8, "little") for extent in tensor["shape"]))
        start, end = tensor["data_offsets"]
        total.update(data[start:end])
    return total.hexdigest()[:32]


def changes(table: bytes) -> bytes:
    """The changes from each number of 16 bits to the next, first the low bytes of all; less than
    half as much once packed.
    """
    low, high = table[::2], table[1::2]
    numbers = [a + 256 * b for a, b in zip(low, high, strict=True)]
    steps = [(b - a) % 65536 for a, b in zip([0, *numbers], numbers, strict=False)]
    return bytes(step % 256 for step in steps) + bytes(step // 256 for step in steps)


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def script(names: list[str]) -> str:
    return "\n".join((VIEWER / name).read_text().strip() for name in names)


def page() -> str:
    data = {
        "decoder": packed(compiled(simd=True)),
        "table": packed(changes((TABLES / "beta_binomial.bin").read_bytes())),
        "models": {identity(path): [path.stem, packed(path.read_bytes())] for path in models()},
    }
    parts = {
        "sources": digest(),
        "style": (VIEWER / "style.css").read_text().strip(),
        "shared": script(SHARED),
        "worker": script(["worker.js"]),
        "data": json.dumps(data, indent=1),
        "main": script(MAIN),
    }
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], (VIEWER / "page.html").read_text())


def main() -> None:
    if "--check" in sys.argv:
        sys.exit(
            None
            if up_to_date()
            else f"{OUT.relative_to(ROOT)} is older than its sources: run `make viewer`"
        )
    OUT.write_text(page())
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
