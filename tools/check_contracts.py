"""The contracts gate: what consumers' tests say is committed, and what is committed is kept.

With --update, write contracts/pacts and contracts/openapi anew instead.
"""

import argparse
import sys
import time
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from contract_gate import deployment, published, verified
from contract_gate.services import (
    DESCRIPTIONS,
    NO_TESTS,
    PACTS,
    SERVICES,
    GateFailed,
    describe,
    run_contract_tests,
)

from service_testing.contracts import drift
from service_testing.contracts.catalogue import ContractError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write them anew")
    parser.add_argument(
        "--as-one-set", action="store_true", help="all services are deployed at once, not in turn"
    )
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgres"))
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.update:
            _update()
        else:
            _check(options.database)
            _can_deploy(*([SERVICES] if options.as_one_set else [[name] for name in SERVICES]))
    except (ContractError, GateFailed) as error:
        print(f"\n{error}\n\nThe contracts gate fails after {time.monotonic() - started:.1f} s.")
        return 1
    print(f"Done in {time.monotonic() - started:.1f} s.")
    return 0


def _update() -> None:
    done = drift.write(DESCRIPTIONS, _descriptions()) + drift.write(PACTS, _pacts())
    print("\n".join(done) or "contracts/ is up to date.")


def _check(database: str) -> None:
    found = [
        *drift.differences(DESCRIPTIONS, _descriptions()),
        *drift.differences(PACTS, _pacts()),
    ]
    if found:
        raise GateFailed("\n".join(found))
    with TemporaryDirectory() as folder:
        options = (f"--database={database}", f"--contracts-verified={folder}")
        if failed := [service for service in SERVICES if not _keeps(service, *options)]:
            raise GateFailed(f"Contracts are broken by {', '.join(failed)}: see above.")
        print(verified.count(Path(folder)))
    print(published.check_fit())
    print(published.report_changes())


def _can_deploy(*sets: Collection[str]) -> None:
    refused = []
    for together in sets:
        for answer in deployment.answers(together):
            print(answer.sentence)
            if not answer.is_yes:
                refused.append(answer)
    if refused:
        outputs = "\n".join(answer.output for answer in refused)
        sentences = "\n".join(answer.sentence for answer in refused)
        raise GateFailed(
            f"{outputs}\n{sentences}\nKeep the old beside the new until both are deployed "
            "(docs/contracts.md), or deploy them as one set: --as-one-set."
        )


def _descriptions() -> dict[str, str]:
    return {f"{service}.json": describe(service) for service in SERVICES}


def _pacts() -> dict[str, str]:
    """From nothing, so that what no test says any more is gone."""
    with TemporaryDirectory() as folder:
        for service in SERVICES:
            print(f"{service}: what its tests expect of others ...", flush=True)
            run = run_contract_tests(service, f"--contracts-output={folder}")
            if run.returncode not in (0, NO_TESTS):
                raise GateFailed(f"{run.stdout}\nConsumers' tests fail in {service}.")
        return drift.regenerated(Path(folder))


def _keeps(service: str, *options: str) -> bool:
    print(f"{service}: whether it keeps what others expect of it ...", flush=True)
    run = run_contract_tests(service, *options)
    if run.returncode != 0:
        print(run.stdout)
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
