"""The tour that `make run` prints and the README shows, as a reader would paste it."""

import json
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
        done = subprocess.run(
            ["sh", "-e", "-c", tour],  # noqa: S607 - the reader's shell
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        page = json.loads(done.stdout[done.stdout.rindex('{"items":') :])
        newest = max(page["items"], key=itemgetter("id"))
        assert newest["price"] == "19.90"
        assert newest["owner"]["name"] == "Ada"


def _addresses(stack: Stack) -> dict[str, str]:
    """The variables that `make run` gives the services."""
    found: dict[str, str] = {}
    for service in stack.services:
        address, prefix = urlsplit(service.url), service.name.upper()
        found |= {f"{prefix}_HOST": str(address.hostname), f"{prefix}_PORT": str(address.port)}
    return found
