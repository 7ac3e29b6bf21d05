"""The tour that `make run` prints and the README shows, as a reader would paste it."""

import json
import re
import subprocess
from operator import itemgetter
from urllib.parse import urlsplit

import pytest

import workspace
from tests.e2e.stack import Stack


@pytest.mark.only_on("local", reason="the tour is for `make run`")
def test_tour_works_as_printed_and_a_second_time(stack: Stack) -> None:
    _, _, tour = workspace.tour(workspace.services(), _addresses(stack)).partition("terminal:\n")
    for _ in range(2):
        output = _pasted("sh", tour)
        page = json.loads(output[output.rindex('{"items":') :])
        newest = max(page["items"], key=itemgetter("id"))
        assert newest["price"] == "19.90"
        assert newest["owner"]["name"].startswith("Ada")  # the quick start renames her


@pytest.mark.only_on("local", reason="it goes on from the tour")
def test_quick_start_works_after_the_tour(stack: Stack) -> None:
    _, _, tour = workspace.tour(workspace.services(), _addresses(stack)).partition("terminal:\n")
    page = (workspace.ROOT / "docs/quick-start.md").read_text()
    steps = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    output = _pasted("bash", "\n".join([tour, *steps]))

    edited, refused, renamed, item, unknown = output.splitlines()[-5:]
    assert '"price":"17.50"' in edited
    assert '"precondition_failed"' in refused
    assert '"name":"Ada Lovelace"' in renamed
    assert '"name":"Ada Lovelace"' in item
    assert '"not_found"' in unknown


def _pasted(shell: str, commands: str) -> str:
    done = subprocess.run(
        [shell, "-e", "-c", commands], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def _addresses(stack: Stack) -> dict[str, str]:
    """The variables that `make run` gives the services."""
    found: dict[str, str] = {}
    for service in stack.services:
        address, prefix = urlsplit(service.url), service.name.upper()
        found |= {f"{prefix}_HOST": str(address.hostname), f"{prefix}_PORT": str(address.port)}
    return found
