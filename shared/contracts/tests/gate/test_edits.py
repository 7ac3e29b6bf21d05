"""Edits of the example's services: the gate fails for each breaking one and passes each compatible one.

Each edit is made as its author would make it: then `contracts update`, then `contracts check`.
"""

import pytest
from gate.example import EDITS, Edit, Example

from contracts.errors import ContractError

pytestmark = pytest.mark.slow
LOCKSTEP, COMPATIBLE = EDITS["lockstep"], EDITS["compatible"]
BREAKING = {
    name: edit
    for group in EDITS.values()
    if group is not COMPATIBLE
    for name, edit in group.items()
}


def check(
    example: Example, name: str, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> tuple[bool, str]:
    example.make(edit)
    capsys.readouterr()
    try:
        example.gate.update()
    except ContractError as error:
        return False, str(error)
    passed = example.gate.check(["consumers", "catalog"])
    if name in LOCKSTEP:
        passed &= example.gate.can_i_deploy([["catalog"], ["shop"], ["mailer"]])
    return passed, capsys.readouterr().out


@pytest.mark.parametrize(("name", "edit"), BREAKING.items(), ids=BREAKING)
def test_breaking_edit_fails_and_names_the_interaction(
    example: Example, name: str, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, output = check(example, name, edit, capsys)
    assert not passed
    # Of interactions with the same cause, only the first is printed in full.
    who, breaks, interaction = edit["prints"].rpartition(" breaks ")
    assert any(who + breaks in each and interaction in each for each in output.split("\n\n"))


@pytest.mark.parametrize(("name", "edit"), COMPATIBLE.items(), ids=COMPATIBLE)
def test_compatible_edit_passes(
    example: Example, name: str, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, output = check(example, name, edit, capsys)
    assert passed, output
