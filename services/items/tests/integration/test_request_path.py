"""The number of files that one request passes through. Few files are easier to follow."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import app
import chassis
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient
from tests.factories import create_owner
from tests.helpers import create_item

MAX_FILES = 14
FOLDERS = [Path(package.__path__[0]).resolve() for package in (app, chassis)]
NOT_COUNTED = {
    f"chassis/{name}"
    for name in ("web/middleware.py", "web/context.py", "ops/logs.py", "ops/metrics.py")
}
"""Every request passes through these, whatever its route."""


@contextmanager
def recorded_files() -> Iterator[set[str]]:
    """The files of the service and the chassis that execute code in the block."""
    files: set[str] = set()

    def record(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        for folder in FOLDERS:
            if path.is_relative_to(folder):
                files.add(path.relative_to(folder.parent).as_posix())

    sys.setprofile(record)
    try:
        yield files
    finally:
        sys.setprofile(None)


@pytest.mark.committed
class TestRequestPath:
    async def test_create_item_by_a_known_owner_executes_code_of_few_files(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        await create_owner(session)
        await create_item(user_client)  # opens connections and fetches the keys
        with recorded_files() as files:
            await create_item(user_client)
        path = sorted(files - NOT_COUNTED)
        print("\n".join(path))  # shown by `pytest -s`, and when the test fails
        assert len(path) <= MAX_FILES, path
