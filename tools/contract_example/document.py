"""The parts of docs/contracts.md that this writes: a block after each `<!-- contract-example: … -->`."""

import re
from collections.abc import Mapping

_BLOCK = re.compile(
    r"(?P<mark><!-- contract-example: (?P<name>[a-z ]+) -->\n\n?```(?:diff|text)\n)(?P<text>.*?)(?=\n```$)",
    re.MULTILINE | re.DOTALL,
)
LEFT_OUT = "…"


def blocks_of(document: str) -> dict[str, str]:
    """The text of each block by its name, such as `expand gate`."""
    return {match["name"]: match["text"] for match in _BLOCK.finditer(document)}


def with_blocks(document: str, blocks: Mapping[str, str]) -> str:
    """Raises:
    KeyError: the document has a block that isn't among these.
    """
    return _BLOCK.sub(lambda match: match["mark"] + blocks[match["name"]], document)


def shortened(output: str) -> str:
    """What the gate itself says, and a mark where lines were left out: progress, and a test's output."""
    shown: list[str] = []
    for line in output.rstrip().splitlines():
        if _is_said_by_the_gate(line):
            shown.append(line)
        elif shown and shown[-1] != LEFT_OUT:
            shown.append(LEFT_OUT)
    return "\n".join(shown)


def without_numbers(text: str) -> str:
    """They change with every interaction that is added, and every run."""
    return re.sub(r"\d+(\.\d+)?", "N", text)


def _is_said_by_the_gate(line: str) -> bool:
    return bool(
        re.match(
            r"\d+ (of \d+ interactions|requests|pacts)"
            r"|[a-z]+: (?!what|whether)|\w+ as (provider|consumer) of the deployed "
            r"|Keep the old|The contracts gate fails|Done in",
            line,
        )
    )
