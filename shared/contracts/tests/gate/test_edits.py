"""Edits of the example's services: the gate fails for each breaking one and passes each harmless one.

Each edit is made as its author would make it: then `contracts update`, then `contracts check`.
"""

import pytest
from gate.edits import BREAKING, HARMLESS, Edit
from gate.example import Example

from contracts.errors import ContractError


def check(example: Example, edit: Edit, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    for file, *changes in edit.changes:
        example.edit(file, *changes)
    capsys.readouterr()
    try:
        example.gate.update()
    except ContractError as error:
        return False, str(error)
    passed = example.gate.check_consumers()
    passed &= example.gate.verify("catalog")
    if edit.is_lockstep:
        passed &= example.gate.can_i_deploy([["catalog"], ["shop"], ["mailer"]])
    captured = capsys.readouterr()
    return passed, captured.out


@pytest.mark.parametrize("edit", BREAKING, ids=lambda edit: edit.name)
def test_breaking_edit_fails_and_names_the_interaction(
    example: Example, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, output = check(example, edit, capsys)
    assert not passed
    assert edit.message in output


@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.name)
def test_harmless_edit_passes(
    example: Example, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, output = check(example, edit, capsys)
    assert passed, output
