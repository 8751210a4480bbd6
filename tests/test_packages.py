"""The allowed imports of packages (docs/architecture.md), read from the sources, including imports
for types and inside of functions.
"""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules(folder: Path) -> dict[str, ast.Module]:
    """By their dotted names."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): (
            ast.parse(path.read_text(encoding="utf-8"))
        )
        for path in folder.rglob("*.py")
    }


@cache
def sources() -> dict[str, ast.Module]:
    return {
        name: tree
        for part in (".", "train", "lab")
        for name, tree in modules(ROOT / part / "src").items()
    }


def imports(name: str) -> set[str]:
    """The bitsback modules and the other packages that this module imports."""
    found: set[str] = set()
    for node in ast.walk(sources()[name]):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {
                whole if (whole := f"{node.module}.{each.name}") in sources() else node.module
                for each in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    # The package itself re-exports names of its packages, lazily.
    return found - {name, "bitsback"}


@cache
def graph() -> dict[str, set[str]]:
    return {name: imports(name) for name in sources()}


def package(name: str) -> str:
    """The package of a module; the packages of archive/ and of the trainer count each."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["bitsback", "archive"] else 2])


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter(graph()).prepare()


def test_no_package_imports_itself_by_way_of_others() -> None:
    packages: dict[str, set[str]] = {}
    for name, needed in graph().items():
        if name != "bitsback":
            packages.setdefault(package(name), set()).update(
                package(other) for other in needed if package(other) != package(name)
            )
    TopologicalSorter(packages).prepare()


def listed() -> list[set[str]]:
    """The packages in each line of the tree in docs/architecture.md."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = page.split("    src/bitsback/\n")[1].split("\n    train/")[0]
    entries = [line.strip().split("  ")[0] for line in tree.splitlines() if line[6] != " "]
    names = [entry.replace("/", ".").replace(".py", "").split(", ") for entry in entries]
    return [{f"bitsback.{name.strip('.')}" for name in line} for line in names]


def test_packages_import_only_those_listed_above_them() -> None:
    lines = listed()
    place = {name: number for number, line in enumerate(lines) for name in line}

    def line_of(module: str) -> int | None:
        parts = module.split(".")
        return place.get(".".join(parts[:3]), place.get(".".join(parts[:2])))

    for name, needed in graph().items():
        own = line_of(name)
        if name.startswith("bitsback.") and name not in ("bitsback.archive", "bitsback.__main__"):
            assert own is not None, f"{name} is not listed"
        for other in needed & sources().keys():
            below = line_of(other)
            assert own is None or below is None or below <= own, f"{name} imports {other}"


def test_only_training_and_its_own_package_need_torch() -> None:
    needing = {
        package(name) for name, needed in graph().items() if any("torch" in n for n in needed)
    }
    assert {name for name in needing if not name.startswith("bitsback_train.")} == {
        "bitsback.torch"
    }


def test_only_its_own_package_needs_dask() -> None:
    needing = {
        package(name)
        for name, needed in graph().items()
        if any(n.split(".")[0] in ("dask", "distributed") for n in needed)
    }
    assert needing == {"bitsback.dask"}
    users = {name for name, needed in graph().items() if any("bitsback.dask" in n for n in needed)}
    assert {name for name in users if package(name) != "bitsback.dask"} == {"bitsback.napari"}


def test_only_what_reads_urls_needs_fsspec() -> None:
    needing = {name for name, needed in graph().items() if any("fsspec" in n for n in needed)}
    allowed = ("bitsback.io.remote.", "bitsback.filesystem")
    assert needing and all(name.startswith(allowed) for name in needing)


def test_only_training_and_the_lab_are_edges() -> None:
    for name, needed in graph().items():
        if not name.startswith("bitsback.torch"):
            assert not any(n.startswith("bitsback.torch") for n in needed), name
        if not name.startswith("bitsback_train"):
            assert not any(n.startswith("bitsback_train") for n in needed), name
        if not name.startswith("bitsback_lab"):
            assert not any(n.startswith("bitsback_lab") for n in needed), name


def test_only_what_is_for_other_packages_needs_these() -> None:
    """The rest of the package works where these are not installed."""
    modules = {name: {name} for name in ("numcodecs", "xarray")}
    modules |= {
        "h5py": {"hdf5", "files.hdf5_chunks"},
        "zarr": {"zarr", "archive.restoring.ome_zarr"},
    }
    for other, allowed in modules.items():
        needing = {
            name
            for name, needed in graph().items()
            if any(n.split(".")[0] == other for n in needed)
        }
        assert needing == {f"bitsback.{module}" for module in allowed}


def test_locks_fork_with_their_process() -> None:
    """Only `bitsback.io.locks` makes locks: others may stay closed in a forked process."""
    others = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
    modules = {"threading", "_thread", "multiprocessing"}
    for name in sources().keys() - {"bitsback.io.locks"}:
        for node in ast.walk(sources()[name]):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id not in modules or node.attr not in others, name
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                assert not others & {each.name for each in node.names}, name
            if isinstance(node, ast.ImportFrom) and node.module == "functools":
                assert "cached_property" not in {each.name for each in node.names}, name


def test_the_limit_of_pillow_is_that_of_the_program() -> None:
    """`Image.MAX_IMAGE_PIXELS` is read, and never set."""
    for name, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "MAX_IMAGE_PIXELS":
                assert isinstance(node.ctx, ast.Load), name


def private_names(tree: ast.Module) -> set[str]:
    """The private names that a module defines: of functions, classes, variables and attributes."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if is_own(node.value) else set()
    return {name for name in found if name.startswith("_")}


def is_own(node: ast.expr) -> bool:
    """Whether an expression is an object that its class asks for its own attributes."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_private_names_stay_in_their_modules() -> None:
    """No module uses an attribute, or imports a name, that is private to another one."""
    for name, tree in sources().items():
        own = private_names(tree)
        for node in ast.walk(tree):
            used = list[str]()
            if isinstance(node, ast.Attribute) and not is_own(node.value):
                used = [node.attr]
            elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
                used = [each.name for each in node.names if each.name != "_core"]
            for each in used:
                is_private = each.startswith("_") and not each.startswith("__")
                assert not is_private or each in own, f"{name} uses {each}"
