"""Writes the page: nothing in it comes from elsewhere, and nothing that it shows can run."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from contract_gate import deployed, services
from contract_gate.page.graph import graph_of
from contract_gate.page.rows import BROKEN, KEPT, UNKNOWN, rows_of
from contract_gate.record import Record
from contract_gate.services import GateFailed
from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.pact_files import Interaction, read_interactions

_HERE = Path(__file__).parent
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["within"] = services.within


def write_page(path: Path, record: Record) -> None:
    rows = rows_of(_committed(), record)
    named = {name for row in rows for name in (row.interaction.consumer, row.interaction.provider)}
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    page = _ENVIRONMENT.get_template("page.html.jinja").render(
        record=record,
        rows=rows,
        counts={name: sum(row.outcome == name for row in rows) for name in (KEPT, BROKEN, UNKNOWN)},
        graph=graph_of([*named.union(services.SERVICES)], rows),
        deployments=[_deployment(service) for service in services.SERVICES],
        revision=deployed.revision(),
        now=datetime.now(UTC),
        # They are ours, and their hashes let the browser run these and no others.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _committed() -> Iterator[Interaction]:
    """Of a file that is no pact there is no row: a step of the gate has failed for it."""
    for path in sorted(services.PACTS.rglob("*.json")):
        try:
            yield from read_interactions(path)
        except ContractError:
            continue


def _deployment(service: str) -> tuple[str, str]:
    try:
        if deployed.is_deployed(service):
            return service, f"{deployed.tag_of(service)} is {deployed.revision_of(service)}"
    except GateFailed as error:
        return service, str(error)
    return service, "Never deployed (bootstrap): nothing to ask about."


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
