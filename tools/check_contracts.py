"""The contracts gate: what consumers' tests say is committed, and what is committed is kept.

With --update, write contracts/pacts and contracts/openapi anew instead. Named parts are run alone, as
the jobs of a pipeline: `consumers` (what they say is committed and described), a service (as a provider
it keeps that), `deployment` (each service, or each that is named beside it, can be deployed beside what
is). All in that order are the gate. With --from nothing is run: the report is made of jobs' records.
"""

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from contract_gate import deployment, published, verified
from contract_gate.record import NOT_ASKED, Record
from contract_gate.reporting import report_records, reported
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
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write it for --from, of a part"
    )
    parser.add_argument(
        "--from",
        type=Path,
        metavar="FOLDER",
        dest="records",
        help="run nothing: report its records",
    )
    options = parser.parse_args(arguments)
    parts = options.parts or PARTS
    if wrong := _misused(options):
        parser.error(wrong)
    started = time.monotonic()
    try:
        if options.update:
            _update()
        elif options.records:
            report_records(options.records, options.report)
        else:
            with reported(options.report, options.record, _recorded(parts)) as record:
                _check(options.database, record, parts)
                if "deployment" in parts:
                    _can_deploy(record, *_deployed_together(parts, options.as_one_set))
    except (ContractError, GateFailed) as error:
        print(f"\n{error}\n\nThe contracts gate fails after {time.monotonic() - started:.1f} s.")
        return 1
    print(f"Done in {time.monotonic() - started:.1f} s.")
    return 0


def _misused(options: argparse.Namespace) -> str:
    """What is wrong with the arguments, if anything is."""
    if unknown := sorted(set(options.parts) - set(PARTS)):
        return f"there is no part {unknown[0]}; there are: {', '.join(PARTS)}"
    if options.record and len(set(options.parts) - {"deployment"}) != 1:
        return "a record is of `consumers`, or of one service"
    if options.records and (options.parts or not options.report):
        return "--from goes with --report and without a part"
    return ""


def _recorded(parts: Sequence[str]) -> str:
    """The part that a record is of; who can be deployed belongs to that of the service."""
    return next((part for part in parts if part != "deployment"), "deployment")


def _deployed_together(parts: Collection[str], as_one_set: bool) -> list[Sequence[str]]:
    """What is deployed at once: each service by itself, or all; only those that are among the parts."""
    named = [service for service in SERVICES if service in parts] or SERVICES
    return [named] if as_one_set else [[service] for service in named]


def _update() -> None:
    done = drift.write(DESCRIPTIONS, _descriptions()) + drift.write(PACTS, _pacts())
    print("\n".join(done) or "contracts/ is up to date.")


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
