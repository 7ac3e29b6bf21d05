"""Makes the page from the records that the parts of the gate left."""

from pathlib import Path

from contracts.errors import ContractError
from contracts.gate.records import join
from contracts.gate.workspace import Workspace
from contracts.report.page import write_page


def write_report(workspace: Workspace, page: Path) -> None:
    """Write the page. Failed parts are shown in it and don't fail the report.

    Raises:
        ContractError: there is no record, or one is invalid. The page is written nevertheless.
    """
    page.unlink(missing_ok=True)
    joined = join(workspace)
    write_page(workspace, page, joined.record)
    print(f"The gate: {joined.record.verdict}. The report is in {page}.")
    if missing := joined.record.missing:
        print(f"There is no record of {', '.join(missing)}.")
    if joined.problems:
        raise ContractError("\n".join(joined.problems))
    if not list(workspace.records.glob("*.json")):
        raise ContractError(
            f"There is no record in {workspace.records}. Run `contracts check` first."
        )
