"""What a run leaves for others: the page for people, and the record of a part for the page of all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract_gate.page.write import write_page
from contract_gate.record import Record
from contract_gate.records import join, write_record
from contract_gate.services import GateFailed


@contextmanager
def reported(page: Path | None, file: Path | None, part: str) -> Iterator[Record]:
    """The record that a run fills, and what is made of it, whatever comes of the run."""
    record = Record()
    for path in (page, file):
        if path:
            path.unlink(missing_ok=True)  # Of an earlier run, it would be believed.
    try:
        yield record
    finally:
        if file:
            write_record(file, part, record)
        if page:
            _write(page, record)


def report_records(folder: Path, page: Path) -> None:
    """Make the page of the records in the folder. That a part is red is that part's to say, and the page's.

    Raises:
        GateFailed: there is none, or one of them doesn't count. The page is made all the same.
    """
    page.unlink(missing_ok=True)
    joined = join(folder)
    _write(page, joined.record)
    print(f"The gate: {joined.record.verdict}.")
    if missing := joined.record.missing:
        print(f"There is no record of {', '.join(missing)}.")
    if joined.problems:
        raise GateFailed("\n".join(joined.problems))
    if not list(folder.glob("*.json")):
        raise GateFailed(f"There is no record in {folder}: no part has left one.")


def _write(page: Path, record: Record) -> None:
    write_page(page, record)
    print(f"The report is in {page}.")
