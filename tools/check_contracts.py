"""The contracts gate: what consumers' tests say is committed, and what is committed is kept.

With --update, write contracts/pacts anew instead.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from service_testing.contracts import drift
from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.pact_files import Interaction, read_all

ROOT = Path(__file__).resolve().parent.parent
PACTS = ROOT / "contracts/pacts"
SERVICES = ("services/users", "services/items")
_NO_TESTS = 5
"""pytest's exit code for a service that is nobody's consumer."""
_MOST_SECONDS = 300


class GateFailed(Exception):
    """The text says why, and how to mend it."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write contracts/pacts anew")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgres"))
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        print(_update() if options.update else _check(options.database))
    except (ContractError, GateFailed) as error:
        print(f"\n{error}\n\nThe contracts gate fails after {time.monotonic() - started:.1f} s.")
        return 1
    return 0


def _update() -> str:
    return "\n".join(drift.write(PACTS, _regenerated())) or "contracts/pacts is up to date."


def _check(database: str) -> str:
    if found := list(drift.differences(PACTS, _regenerated())):
        raise GateFailed("\n".join(found))
    with TemporaryDirectory() as folder:
        failed = [
            service
            for service in SERVICES
            if not _verify(service, f"--database={database}", f"--contracts-verified={folder}")
        ]
        if failed:
            raise GateFailed(f"Contracts are broken by {', '.join(failed)}: see above.")
        return _counted(Path(folder))


def _regenerated() -> dict[str, str]:
    """From nothing, so that what no test says any more is gone."""
    with TemporaryDirectory() as folder:
        for service in SERVICES:
            print(f"{service}: what its tests expect of others ...", flush=True)
            run = _pytest(service, f"--contracts-output={folder}")
            if run.returncode not in (0, _NO_TESTS):
                raise GateFailed(f"{run.stdout}\nConsumers' tests fail in {service}.")
        return drift.regenerated(Path(folder))


def _verify(service: str, *options: str) -> bool:
    print(f"{service}: whether it keeps what others expect of it ...", flush=True)
    run = _pytest(service, *options)
    if run.returncode != 0:
        print(run.stdout)
    return run.returncode == 0


def _counted(verified: Path) -> str:
    """What was verified is what is committed: no test was skipped, deselected or lost."""
    committed, kept = _names(read_all(PACTS)), _names(read_all(verified / "kept"))
    if missing := sorted(committed - kept):
        listed = "\n".join(f"  {' -> '.join(each[:2])}: {each[2]}" for each in missing)
        raise GateFailed(
            f"{len(missing)} of {len(committed)} interactions were not verified:\n{listed}\n"
            "Each provider needs a test with @each_interaction (docs/contracts.md), and no skip."
        )
    providers = {each[1] for each in committed}
    if missing_canaries := providers - {each.provider for each in read_all(verified / "canaries")}:
        raise GateFailed(
            f"No canary ran for {', '.join(sorted(missing_canaries))}: its provider tests need one "
            "with @first_interactions (docs/contracts.md)."
        )
    return f"{len(kept)} of {len(committed)} interactions are kept, by {len(providers)} providers."


def _names(interactions: Iterator[Interaction]) -> set[tuple[str, str, str]]:
    return {(each.consumer, each.provider, each.description) for each in interactions}


def _pytest(service: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-q", "tests/contract", *options]
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    try:
        return subprocess.run(
            command,
            cwd=ROOT / service,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GateFailed(f"{service}: not done after {error.timeout} s.") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
