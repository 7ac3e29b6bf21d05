"""The tour that `make run` prints and the README shows, as a newcomer would paste it."""

import os
import subprocess

import pytest
from stack import ROOT, Stack

_TOUR = ROOT / "tools" / "runner" / "tour.sh"


@pytest.mark.only_on("local", reason="it is a tour of `make run`")
def test_the_tour_works_as_printed_and_a_second_time(stack: Stack) -> None:
    environment = {**os.environ, "USERS": stack.users.url, "ITEMS": stack.items.url}
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-e", _TOUR],  # noqa: S607 - whichever shell a newcomer has
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert '"price": "17.50"' in done.stdout
        assert '"name": "Ada"' in done.stdout.partition("Signed in as:")[2]
