"""What came of the edits, to be read."""

from collections.abc import Sequence

from contract_drift.trial import Result


def table(results: Sequence[Result]) -> str:
    """A row for each, in Markdown; then what is wrong."""
    rows = ["| Edit | What it does | Caught by | Naming | Seconds |", "|---|---|---|---|--:|"]
    rows += [
        f"| {each.edit.id} | {each.edit.what} | {_caught_by(each)} | {_naming(each)} "
        f"| {each.seconds:.1f} |"
        for each in results
    ]
    problems = [f"\n{each.edit.id}: {each.problem}" for each in results if each.problem]
    return "\n".join([*rows, *problems])


def summary(results: Sequence[Result], seconds: float) -> str:
    def count(kind: str) -> str:
        of_kind = [each for each in results if each.edit.kind == kind]
        return f"{sum(each.is_good for each in of_kind)} of {len(of_kind)}"

    return (
        f"{count('breaking')} breaking edits are caught and named, {count('harmless')} harmless ones "
        f"pass, {count('beyond')} that no contract can see are caught by a test. {seconds:.0f} s."
    )


def _caught_by(result: Result) -> str:
    if result.problem:
        return "**NOT AS IT SHOULD BE**"
    match result.edit.kind:
        case "harmless":
            return "nothing, as it should be"
        case "beyond":
            return "a test"
        case "breaking":
            return result.edit.caught_by


def _naming(result: Result) -> str:
    names = [each.name for each in result.found if each.part == result.edit.caught_by]
    if result.edit.names in names and len(names) > 1:
        return f"{result.edit.names}, and {len(names) - 1} more"
    return result.edit.names or result.edit.test
