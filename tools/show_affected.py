"""What a change can break: `tox -e affected -- --since main`.

Prints the gates that a pipeline would run for what differs from where the branch left that commit,
committed or not, each with its reason and its local command.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from affected.derivation import derive
from affected.files import GitFailed, changed_files
from affected.graph import Graph

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e affected --", description=__doc__)
    parser.add_argument("--since", default="main", help="a commit, branch or tag")
    parser.add_argument("--all", action="store_true", help="as if everything had changed")
    parser.add_argument("--json", action="store_true", help="for a pipeline: the names alone")
    options = parser.parse_args(arguments)
    graph = derive(root)
    try:
        files = [] if options.all else changed_files(root, options.since)
    except GitFailed as error:
        print(error, file=sys.stderr)
        return 2
    reasons = dict.fromkeys(graph.names, "all of them") if options.all else graph.reasons(files)
    if options.json:
        print(json.dumps(list(reasons)))
    else:
        print(f"{len(files)} files have changed since {options.since}.\n")
        print(_table(graph, reasons))
    return 0


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
