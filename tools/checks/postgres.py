"""One PostgreSQL server for all steps that need one."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Lock

URL_VARIABLE = "TEST_POSTGRES_URL"
_KEEPER = "shared/testing/src/service_testing/postgres.py"


class PostgresMissing(Exception):
    """There is no server. The text says how to get one."""


class PostgresServer:
    """A server that is started when its URL is asked for.

    The testing package's keeper holds it for as long as we keep the keeper's standard input open,
    so it can't outlive this process.
    """

    def __init__(self, root: Path) -> None:
        say_url = """echo "{\\"url\\": \\"$TEST_POSTGRES_URL\\"}"; exec cat"""
        self._command = [sys.executable, "-I", str(root / _KEEPER), "run", "--", "sh", "-c", say_url]
        self._keeper: subprocess.Popen[bytes] | None = None
        self._answer: dict[str, str] = {}
        self._starting = Lock()

    def url(self) -> str:
        """Where it answers; waits until it does.

        Raises:
            PostgresMissing: there is none, or it didn't start.
        """
        with self._starting:
            self._answer = self._answer or self._start()
        if error := self._answer.get("error"):
            raise PostgresMissing(error)
        return self._answer["url"]

    def interrupt(self) -> None:
        """Give up also while it starts, which may take minutes: Docker may pull an image."""
        if self._keeper:
            self._keeper.terminate()

    def close(self) -> None:
        """End the server, if there is one, and wait until it is gone."""
        if self._keeper:
            # Leaving the block closes the pipes and waits.
            with self._keeper:
                pass

    def _start(self) -> dict[str, str]:
        self._keeper = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        line = next(iter(self._keeper.stdout or ()), b"")
        answer: dict[str, str] = json.loads(line or '{"error": "The PostgreSQL server ended."}')
        return answer
