"""Derives the graph from what the repository says of itself."""

import json
import tomllib
from pathlib import Path

from affected.environments import Environments
from affected.files import tracked_files
from affected.gates import CONSUMERS, CONTRACTS, all_gates
from affected.graph import Graph
from affected.ownership import Ownership
from affected.packages import Package, imported_modules, read_packages

_WITH_PACKAGES = ("bench/", "tools/")
"""Folders that others import packages from, beside what is packaged."""


def derive(root: Path) -> Graph:
    packages = read_packages(root)
    ownership = Ownership(packages)
    graph = Graph(gates=all_gates(packages), ownership=ownership)
    parts = {
        file: node
        for file in tracked_files(root)
        if (root / file).is_file()
        for node, _ in list(ownership.of(file))[:1]
    }
    _read_packaging(graph, packages)
    _read_imports(graph, root, packages, parts)
    _read_environments(graph, root, packages, parts)
    _read_contracts(graph, root, packages)
    return graph


def _read_packaging(graph: Graph, packages: list[Package]) -> None:
    for package in packages:
        graph.add(package.tests, package.code, f"the tests of {package.name} run it")
        for needed in packages:
            if needed.distribution in package.code_needs:
                graph.add(package.code, needed.code, f"{package.name} depends on {needed.name}")
            if needed.distribution in package.tests_need:
                graph.add(
                    package.tests,
                    needed.code,
                    f"the tests of {package.name} depend on {needed.name}",
                )


def _read_imports(graph: Graph, root: Path, packages: list[Package], parts: dict[str, str]) -> None:
    """Of modules that others can import: the packages', and those of tools and tests/."""
    homes = {name: package.code for package in packages for name in package.import_names}
    for file, part in parts.items():
        folder, _, name = file.rpartition("/")
        if file.endswith(".py") and folder in ("tools", *_shared_tests(parts)):
            homes[name.removesuffix(".py")] = part
        elif name == "__init__.py" and folder.count("/") == 1 and folder.startswith(_WITH_PACKAGES):
            homes[folder.rpartition("/")[2]] = part
    for file, part in parts.items():
        if not file.endswith(".py"):
            continue
        for module in imported_modules(root / file):
            if home := homes.get(module.split(".")[0]):
                graph.add(part, home, f"{part} imports {module}")


def _shared_tests(parts: dict[str, str]) -> set[str]:
    return {part for part in parts.values() if part.startswith("tests/")}


def _read_environments(
    graph: Graph, root: Path, packages: list[Package], parts: dict[str, str]
) -> None:
    """What a gate's environment installs and names, and what it is said to read."""
    environments = Environments(root)
    sources = {f"{each.folder}/pyproject.toml": each.code for each in packages}
    sources |= {each.folder: each.code for each in packages}
    for gate in graph.gates:
        for part in gate.reads:
            graph.add(gate.name, part, f"{gate.name} reads it")
        if gate.folder:
            continue
        for path in [] if gate.installs_more else environments.installs(gate.environment):
            graph.add(gate.name, sources[path], f"{gate.name} installs {path}")
        for path in environments.runs(gate.environment, {*parts, *parts.values()}):
            graph.add(gate.name, parts.get(path, path), f"{gate.name} runs {path}")
    for part in set(parts.values()):
        if part.startswith("tools/") and part.count("/") == 1:
            graph.add("tools", part, "tools tries it")


def _read_contracts(graph: Graph, root: Path, packages: list[Package]) -> None:
    """A pact reaches its consumer and its provider, the states all who name one; what is of no pair, all."""
    tests = {each.name: each.tests for each in packages}
    catalogue = "contracts/states.toml"
    for provider in tomllib.loads((root / catalogue).read_text(encoding="utf-8")):
        graph.add(tests[provider], catalogue, f"{provider} has states in it")
    of_contracts = [gate.name for gate in graph.gates if gate.environment == CONTRACTS]
    for file in sorted(root.glob("contracts/**/*.*")):
        path = file.relative_to(root).as_posix()
        is_of_all = path.count("/") == 1
        for gate in of_contracts if is_of_all else [CONSUMERS]:
            graph.add(gate, path, f"{gate} checks it")
    for file in sorted(root.glob("contracts/pacts/*.json")):
        path = file.relative_to(root).as_posix()
        pact = json.loads(file.read_text(encoding="utf-8"))
        consumer, provider = pact["consumer"]["name"], pact["provider"]["name"]
        graph.add(tests[consumer], path, f"{consumer} is its consumer")
        graph.add(tests[consumer], catalogue, f"{consumer} names states of it")
        graph.add(tests[provider], path, f"{provider} is its provider")
