"""What a change can break: `tox -e affected -- --since main`.

Prints the gates that a pipeline would run for what differs from where the branch left that commit,
committed or not, each with its reason and its local command.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from affected.derivation import derive
from affected.files import GitFailed, changed_files
from affected.gates import PROVIDER, Gate
from affected.graph import Graph

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e affected --", description=__doc__)
    parser.add_argument("--since", default="main", help="a commit, branch or tag")
    parser.add_argument("--all", action="store_true", help="as if everything had changed")
    parser.add_argument("--json", action="store_true", help="the names alone")
    parser.add_argument("--github", type=Path, metavar="FILE", help="write a job's outputs there")
    options = parser.parse_args(arguments)
    graph = derive(root)
    try:
        files = [] if options.all else changed_files(root, options.since)
    except GitFailed as error:
        print(error, file=sys.stderr)
        return 2
    reasons = dict.fromkeys(graph.names, "all of them") if options.all else graph.reasons(files)
    if options.github:
        _write_outputs(options.github, [gate for gate in graph.gates if gate.name in reasons])
    if options.json:
        print(json.dumps(list(reasons)))
    else:
        print(f"{len(files)} files have changed since {options.since}.\n")
        print(_table(graph, reasons))
    return 0


def outputs_of(gates: Iterable[Gate]) -> dict[str, list[Any]]:
    """What the jobs of GitHub's workflow decide by: gates, and of which packages and services.

    Packages are tested, images are built, and providers are verified.
    """
    listed = list(gates)
    packages = [
        {"name": gate.name.removeprefix("test "), "folder": gate.folder}
        for gate in listed
        if gate.folder
    ]
    images = [gate.arguments for gate in listed if gate.environment == "image"]
    names = [gate.name for gate in listed]
    providers = [name.removeprefix(PROVIDER) for name in names if name.startswith(PROVIDER)]
    return {"gates": names, "packages": packages, "images": images, "providers": providers}


def _write_outputs(file: Path, gates: Iterable[Gate]) -> None:
    with file.open("a", encoding="utf-8") as outputs:
        for name, value in outputs_of(gates).items():
            print(f"{name}={json.dumps(value)}", file=outputs)


def _table(graph: Graph, reasons: dict[str, str]) -> str:
    """The gates with their commands and reasons, then those that nothing reaches."""
    run = [
        f"{gate.name}\n    {gate.command}\n    because {reasons[gate.name]}."
        for gate in graph.gates
        if gate.name in reasons
    ]
    others = ", ".join(name for name in graph.names if name not in reasons)
    return "\n".join([*run, "", f"Not reached: {others or 'none'}."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
