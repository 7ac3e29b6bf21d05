"""Writes the page: it loads nothing, and nothing that it shows can run as a script."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments
from contracts.gate.record import Record
from contracts.gate.records import join
from contracts.gate.workspace import Workspace
from contracts.pacts import Interaction, external, parsed
from contracts.report.graph import graph_of
from contracts.report.rows import BROKEN, UNKNOWN, VERIFIED, rows_of

_HERE = Path(__file__).parent
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(workspace: Workspace, page: Path) -> None:
    """Write the page. Failed parts are shown in it and don't fail the report.

    Raises:
        ContractError: there is no record, or one is invalid. The page is written nevertheless.
    """
    page.unlink(missing_ok=True)
    record = join(workspace)
    write_page(workspace, page, record)
    print(f"The gate: {record.verdict}. The report is in {page}.")
    if record.missing:
        print(f"There is no record of {', '.join(record.missing)}.")
    if record.problems:
        raise ContractError("\n".join(record.problems))
    if not list(workspace.records.glob("*.json")):
        raise ContractError(
            f"There is no record in {workspace.records}. Run `contracts check` first."
        )


def write_page(workspace: Workspace, path: Path, record: Record) -> None:
    deployments = Deployments(workspace)
    rows = rows_of(_committed(workspace), record)
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _ENVIRONMENT.get_template("page.html.jinja").render(
        record=record,
        rows=rows,
        counts={
            name: sum(row.outcome == name for row in rows) for name in (VERIFIED, BROKEN, UNKNOWN)
        },
        graph=graph_of(rows),
        deployments=[
            (service, workspace.relative(_deployment(deployments, service)))
            for service in workspace.participants
        ],
        relative=workspace.relative,
        revision=deployments.revision(),
        now=datetime.now(UTC),
        style=Markup(style),  # noqa: S704 - it is our own
        policy=f"default-src 'none'; style-src 'sha256-{digest}'",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _committed(workspace: Workspace) -> Iterator[Interaction]:
    """All interactions but those of invalid files, because of which a step has failed."""
    contracts = workspace.contracts
    for folder, read in ((contracts.pacts, parsed), (contracts.external, external)):
        for path in sorted(folder.glob("*.json")):
            with suppress(ContractError):
                yield from read(path, path.read_text(encoding="utf-8"))


def _deployment(deployments: Deployments, service: str) -> str:
    try:
        return deployments.revision_of(service)
    except ContractError as error:
        return str(error)
