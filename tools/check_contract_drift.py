"""What the contracts gate is worth: `tox -e contract-drift`, for one edit `-- --only ID`.

Makes breaking edits of the services in a copy of this checkout, each by itself: the gate has to
catch every one, and to name whom it breaks. Harmless edits it has to let pass. What no contract can
see is caught by a test that the edit names. The edits are in tools/contract_drift/edits.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from contract_drift.copies import another, copy_checkout
from contract_drift.edits import Edit, WrongTable, read_edits
from contract_drift.table import summary, table
from contract_drift.trial import Bench, Result, attempt

ROOT = Path(__file__).resolve().parent.parent
EDITS = Path(__file__).resolve().parent / "contract_drift/edits"
EXIT_USAGE = 2


def main(root: Path, edits: Path, arguments: Sequence[str]) -> int:
    """Try the edits; 0 when each does what the table says of it."""
    options = _parse(arguments)
    try:
        chosen = _chosen(read_edits(edits), options)
    except WrongTable as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    if options.list:
        print("\n".join(f"{each.kind:9} {each.id:45} {each.what}" for each in chosen))
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="contract-drift-") as folder:
        results = _try_all(root, Path(folder), chosen, options.workers)
    if results is None:
        return 1
    print(f"\n{table(results)}\n{summary(results, time.monotonic() - started)}")
    return 0 if all(each.is_good for each in results) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e contract-drift --")
    parser.add_argument("--only", metavar="ID", action="append", help="only this edit; repeatable")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, always the same")
    parser.add_argument("--list", action="store_true", help="say which there are, and try none")
    parser.add_argument("--workers", type=int, default=2, help="processes that try them")
    return parser.parse_args(arguments)


def _chosen(edits: list[Edit], options: argparse.Namespace) -> list[Edit]:
    if options.only:
        known = {each.id: each for each in edits}
        if unknown := [each for each in options.only if each not in known]:
            raise WrongTable(f"There is no edit {', '.join(unknown)}: see --list.")
        return [known[each] for each in options.only]
    if options.sample:
        return edits[:: max(1, len(edits) // options.sample)][: options.sample]
    return edits


def _try_all(root: Path, folder: Path, edits: list[Edit], workers: int) -> list[Result] | None:
    """None when the gate isn't green before any edit: then it can't tell one from another."""
    (folder / "memory").mkdir()
    first = copy_checkout(root, folder / "copy-0")
    copies = [first, *(another(first, folder / f"copy-{n}") for n in range(1, workers))]
    idle: SimpleQueue[Bench] = SimpleQueue()
    with ExitStack() as stack:
        benches = [stack.enter_context(Bench(copy, folder / "memory")) for copy in copies]
        before = benches[0].gate()
        if before["code"] != 0:
            print(f"The gate is red without an edit.\n{before['output']}", file=sys.stderr)
            return None
        print(f"The gate is green without an edit, in {before['seconds']:.1f} s.", flush=True)
        for bench in benches:
            idle.put(bench)

        def on_an_idle_bench(edit: Edit) -> Result:
            bench = idle.get()
            try:
                result = attempt(edit, bench)
            finally:
                idle.put(bench)
            told = "ok" if result.is_good else f"FAILED: {result.problem.splitlines()[0]}"
            print(f"{edit.kind:8} {edit.id:45} {told}", flush=True)
            return result

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(on_an_idle_bench, edits))


if __name__ == "__main__":
    sys.exit(main(ROOT, EDITS, sys.argv[1:]))
