"""The worked example of docs/contracts.md can be done, and is shown as it is.

The gate isn't run here (`tox -e contract-example` does that): each quoted line is held to what its code can print.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import check_contract_example as example
import pytest
from contract_drift.copies import Copy
from contract_example.document import LEFT_OUT, blocks_of, shortened, with_blocks
from contract_example.steps import Step, read_steps
from documents import blocks

from service_testing.contracts.changes import Change

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/contracts.md"
PRINTING = [
    ROOT / "tools/check_contracts.py",
    *(ROOT / "tools/contract_gate").glob("*.py"),
    *(ROOT / "shared/testing/src/service_testing/contracts").glob("*.py"),
]
STEPS = read_steps()
LEAST_LETTERS, MOST_LINES = 5, 3


def printable() -> Iterator[re.Pattern[str]]:
    """A pattern for each line of the texts in that code; whatever is filled in matches anything."""
    for path in PRINTING:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr | ast.Constant):
                for line in _filled(node).split("\n"):
                    if len(re.findall("[a-z]", line)) >= LEAST_LETTERS:
                        yield re.compile(".*".join(map(re.escape, line.split("\0"))))


def unprinted(lines: list[str], patterns: list[re.Pattern[str]]) -> Iterator[str]:
    """Those that no pattern matches, nor with the next ones: the document wraps what is long."""
    while lines:
        for length in range(1, MOST_LINES + 1):
            line = " ".join(lines[:length])
            if any(pattern.fullmatch(line) for pattern in patterns):
                lines = lines[length:]
                break
        else:
            yield lines[0]
            lines = lines[1:]


def _filled(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_filled(each) for each in node.values)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "\0"


def copied(folder: Path) -> Copy:
    """Of what the example edits."""
    for name in {each.file for step in STEPS for each in step.replacements}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    return Copy(folder)


class TestDocument:
    def test_edits_can_be_made_in_turn(self, tmp_path: Path) -> None:
        shortcut, *others = STEPS
        for number, steps in enumerate([[shortcut], others]):
            copy = copied(tmp_path / str(number))
            for step in steps:
                copy.apply(step.edit)

    def test_document_shows_each_edit_as_it_is_made(self) -> None:
        shown = blocks_of(DOCUMENT.read_text(encoding="utf-8"))
        assert shown.keys() == {
            f"{step.name} {part}" for step in STEPS for part in ("edit", "gate")
        }
        for step in STEPS:
            assert shown[f"{step.name} edit"] == step.difference

    def test_document_shows_the_decisions(self) -> None:
        shown = blocks_of(DOCUMENT.read_text(encoding="utf-8"))
        for step in STEPS:
            text = shown[f"{step.name} gate"]
            assert ("The contracts gate fails" not in text) is step.passes
            assert ("Done in" in text) is step.passes
            assert len(set(re.findall(".* NO.*", text))) == (0 if step.passes else 2)

    def test_each_quoted_line_is_one_that_the_gate_can_print(self) -> None:
        change = Change("get", "/users/{user_id}", "200 $.is_active", "removed")
        patterns = [*printable(), re.compile(re.escape(f"users: {change}"))]
        lines = [line for text in blocks(DOCUMENT, "text") for line in text.splitlines()]
        assert len(lines) > 40
        assert list(unprinted([line for line in lines if line != LEFT_OUT], patterns)) == []

    def test_a_line_that_nothing_prints_is_found(self) -> None:
        lines = ["users and items don't agree", "Done in 3.0 s.", "on 2 interactions."]
        found = list(unprinted(lines, list(printable())))
        assert found == ["users and items don't agree", "on 2 interactions."]


class TestShortened:
    def test_shortened_output_is_what_the_gate_says_and_marks_what_is_left_out(self) -> None:
        output = (
            "users: what its tests expect of others ...\n"
            "2 pacts and 2 descriptions are what the code says.\n"
            "users: whether it keeps what others expect of it ...\n"
            "a traceback\n"
            "py311: exit 1\n"
            "items as consumer of the deployed users: NO. Not kept: `a look-up`.\n\n"
            "The contracts gate fails after 1.0 s.\n"
        )
        assert shortened(output).splitlines() == [
            "2 pacts and 2 descriptions are what the code says.",
            "…",
            "items as consumer of the deployed users: NO. Not kept: `a look-up`.",
            "…",
            "The contracts gate fails after 1.0 s.",
        ]


class TestDifferences:
    def test_numbers_may_differ(self) -> None:
        assert example.differences({"a": "28 kept in 1.5 s"}, {"a": "30 kept in 12 s"}) == []

    def test_other_words_missing_and_unknown_blocks_are_found(self) -> None:
        found = example.differences({"a": "yes", "b": "x"}, {"a": "NO", "c": "x"})
        assert [text.split(", ")[1].split(":")[0] for text in found] == ["a", "b", "c"]
        assert "-yes\n+NO" in found[0]
        assert "tox -e contract-example -- --update" in found[0]

    def test_blocks_are_written_where_they_are_marked(self) -> None:
        text = "<!-- contract-example: expand gate -->\n\n```text\nold\nolder\n```\n\n```text\nother\n```\n"
        assert blocks_of(text) == {"expand gate": "old\nolder"}
        assert with_blocks(text, {"expand gate": "new"}) == text.replace("old\nolder", "new")


class TestTake:
    @pytest.mark.parametrize(("passes", "code"), [(True, 1), (False, 0)])
    def test_gate_that_decides_otherwise_is_a_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: bool, code: int
    ) -> None:
        def gate(_: Copy, *options: str) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess([], 0 if options else code, "what it said")

        monkeypatch.setattr(example, "_gate", gate)
        monkeypatch.setattr(example, "_git", lambda *_: None)
        with pytest.raises(example.ExampleFailed, match=r"what it said\nexpand: the gate doesn't"):
            example.take(Step("expand", "Expand", passes, ()), Copy(tmp_path))
