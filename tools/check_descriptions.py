"""Hold each service to its OpenAPI description, with schemathesis: `tox -e schemathesis`.

    tox -e schemathesis -- --database=postgres
    tox -e schemathesis -- --service=items --seed=2 --max-examples=2000

Both services run as real processes, on new databases. Options that aren't ours are schemathesis's.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from descriptions.walks import EXPECTED, count_walks
from processes import LocalStack

from service_testing.new_database import new_databases

ROOT = Path(__file__).resolve().parent.parent
EXIT_PASSED = 0
EXIT_FAILED = 1
# With less than the whole description, or not in all ways, no walk can be asked for.
_NARROWING = ("--include", "--exclude", "--phases")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tox -e schemathesis --", allow_abbrev=False, epilog="Others go to schemathesis."
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--service", choices=EXPECTED, action="append", help="only this one")
    options, others = parser.parse_known_args(arguments)
    with _stack(options.database) as stack:
        environment = {**stack.users.environment, "USERS_URL": stack.users.url}
        held = [
            hold(service.name, service.url, others, environment)
            for service in stack.services
            if service.name in (options.service or EXPECTED)
        ]
    if all(held):
        return EXIT_PASSED
    again = shlex.join(["tox", "-e", "schemathesis", "--", *arguments])
    print(f"\nTo repeat it: {again}")
    print("One operation of one service: add --service=items --include-name='GET /items/'.")
    return EXIT_FAILED


def hold(name: str, url: str, options: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether what answers at `url` is as it describes itself; what isn't is printed."""
    print(f"\n{name}:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.ndjson"
        reporting = ["--report=ndjson", f"--report-ndjson-path={report}"]
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
        done = subprocess.run(
            [*command, *reporting, *options], cwd=ROOT, env=environment, check=False
        )
        if done.returncode or any(option.startswith(_NARROWING) for option in options):
            return done.returncode == 0
        return has_walked(name, report)


def has_walked(name: str, report: Path) -> bool:
    """Whether every expected way from request to request was gone, which is printed."""
    counts = count_walks(report, EXPECTED[name])
    for walk, count in counts.items():
        print(f"{count or 'NEVER':>5} x  {' -> '.join(walk)}")
    return all(counts.values())


@contextmanager
def _stack(kind: str) -> Iterator[LocalStack]:
    """Both services, each on a new database of that kind; all of it is gone at the end of the block."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        new_database = cleanup.enter_context(new_databases(kind, folder))
        stack = LocalStack(
            folder,
            users_database=cleanup.enter_context(new_database("users")),
            items_database=cleanup.enter_context(new_database("items")),
        )
        cleanup.callback(stack.stop)
        stack.start()
        yield stack


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
