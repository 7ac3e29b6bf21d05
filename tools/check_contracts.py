"""The contracts gate: what consumers' tests say is committed, and what is committed is kept.

With --update, write contracts/pacts and contracts/openapi anew instead. Named parts are run alone, as
the jobs of a pipeline: `consumers` (what they say is committed and described), a service (as a provider
it keeps that), `deployment` (each service can be deployed beside what is). All in that order are the gate.
"""

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from contract_gate import deployment, published, verified
from contract_gate.page.write import write_page
from contract_gate.record import NOT_ASKED, Record
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

PARTS = ("consumers", *SERVICES, "deployment")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of the gate: {', '.join(PARTS)}")
    parser.add_argument("--update", action="store_true", help="write them anew")
    parser.add_argument(
        "--as-one-set", action="store_true", help="all services are deployed at once, not in turn"
    )
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgres"))
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was found as HTML")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"there is no part {unknown[0]}; there are: {', '.join(PARTS)}")
    parts = options.parts or PARTS
    started = time.monotonic()
    try:
        if options.update:
            _update()
        else:
            sets = [SERVICES] if options.as_one_set else [[name] for name in SERVICES]
            with _reported(options.report) as record:
                _check(options.database, record, parts)
                if "deployment" in parts:
                    _can_deploy(record, *sets)
    except (ContractError, GateFailed) as error:
        print(f"\n{error}\n\nThe contracts gate fails after {time.monotonic() - started:.1f} s.")
        return 1
    print(f"Done in {time.monotonic() - started:.1f} s.")
    return 0


def _update() -> None:
    done = drift.write(DESCRIPTIONS, _descriptions()) + drift.write(PACTS, _pacts())
    print("\n".join(done) or "contracts/ is up to date.")


@contextmanager
def _reported(path: Path | None) -> Iterator[Record]:
    """The record that a run fills, and the page made of it, whatever comes of the run."""
    record = Record()
    if path:
        path.unlink(missing_ok=True)  # Of an earlier run, it would be believed.
    try:
        yield record
    finally:
        if path:
            write_page(path, record)
            print(f"The report is in {path}.")


def _check(database: str, record: Record, parts: Collection[str] = PARTS) -> None:
    # A change of what is promised fails the first of them: the second says whom it breaks.
    looks: list[Callable[[], None]] = []
    if "consumers" in parts:
        looks.append(lambda: _check_committed(record))
    if providers := [service for service in SERVICES if service in parts]:
        looks.append(lambda: _check_kept(database, record, providers))
    failures = []
    for look in looks:
        try:
            look()
        except (ContractError, GateFailed) as error:
            failures.append(str(error))
    if failures:
        raise GateFailed("\n\n".join(failures))
    if "consumers" in parts:
        _check_published(record)


def _check_published(record: Record) -> None:
    with record.step("described") as say:
        say(published.check_fit())
    with record.step("published") as say:
        say(published.report_changes())


def _check_committed(record: Record) -> None:
    with record.step("committed") as say:
        descriptions, pacts = _descriptions(), _pacts()
        found = [
            *drift.differences(DESCRIPTIONS, descriptions),
            *drift.differences(PACTS, pacts),
        ]
        if found:
            raise GateFailed("\n".join(found))
        say(f"{len(pacts)} pacts and {len(descriptions)} descriptions are what the code says.")


def _check_kept(database: str, record: Record, providers: Collection[str] = SERVICES) -> None:
    with record.step("kept") as say, TemporaryDirectory() as folder:
        options = (f"--database={database}", f"--contracts-verified={folder}")
        try:
            failed = [service for service in providers if not _keeps(service, *options)]
        finally:
            record.take(Path(folder))
        if failed:
            raise GateFailed(f"Contracts are broken by {', '.join(failed)}.")
        say(verified.count(Path(folder), providers))


def _can_deploy(record: Record, *sets: Collection[str]) -> None:
    with record.step("deployable") as say:
        for together in sets:
            for answer in deployment.answers(together):
                say(answer.sentence)
                record.answers.append(answer)
        if not record.answers:
            record.steps["deployable"].outcome = NOT_ASKED
            say("Nothing else is deployed, so nobody could be asked.")
        if refused := [answer for answer in record.answers if not answer.is_yes]:
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
