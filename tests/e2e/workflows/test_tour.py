"""The tour that `make run` prints and the README shows, as a reader would paste it."""

import os
import subprocess

import pytest

import workspace
from tests.e2e.stack import Stack

_TOUR = workspace.ROOT / "tools" / "runner" / "tour.sh"


@pytest.mark.only_on("local", reason="the tour is for `make run`")
def test_tour_works_as_printed_and_a_second_time(stack: Stack) -> None:
    environment = {**os.environ, "USERS": stack.users.url, "ITEMS": stack.items.url}
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-e", _TOUR],  # noqa: S607 - the reader's shell
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert '"price": "17.50"' in done.stdout
        assert '"name": "Ada"' in done.stdout.partition("Signed in as:")[2]
