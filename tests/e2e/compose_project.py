"""A new Compose project with its own name, port and volumes; nothing of it remains at the end."""

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

import workspace
from service_testing.ports import free_port
from tests.e2e.compose import STOP_SECONDS, ComposeStack

_FILES = ("docker-compose.yml", "tests/e2e/compose.yml")
_FAST = workspace.ROOT / "tests/e2e/stack.env"
_HEALTHY_WITHIN_SECONDS = 300


class NewComposeStack(ComposeStack):
    """Started by `docker compose up`, removed with everything that it created."""

    def __init__(self, folder: Path, copies: Mapping[str, int], *, events: str = "http") -> None:
        port = free_port()
        super().__init__(f"e2e-{secrets.token_hex(4)}", f"http://127.0.0.1:{port}")
        self._copies = copies
        variables = folder / "variables"
        text = workspace.env_text(nats=events == "nats")
        variables.write_text(f"{text}PUBLISH_PORT={port}\n")
        self.variables = {
            "COMPOSE_PROJECT_NAME": self.project.name,
            "COMPOSE_FILE": ":".join(str(workspace.ROOT / name) for name in _FILES),
            "COMPOSE_PROFILES": "nats" if events == "nats" else "",
            "COMPOSE_ENV_FILES": f"{_FAST},{variables}",
        }
        """With these, `docker compose` means this project."""

    def start(self) -> None:
        scale = [f"--scale={name}={count}" for name, count in self._copies.items()]
        self._compose(
            *("up", "--detach", "--build", "--quiet-pull", "--wait"),
            *(f"--wait-timeout={_HEALTHY_WITHIN_SECONDS}", *scale),
        )
        super().start()

    def stop(self) -> None:
        super().stop()
        self._compose("down", "--volumes", "--remove-orphans", "--timeout=0")

    def upgrade(self, name: str) -> None:
        """Replace all containers of a service without a gap, with the commands of docs/operations.md."""
        old = self.project.containers(name)
        self._compose("run", "--rm", f"{name}-migrate")
        self._scale(name, 2 * len(old))
        for container in old:
            container.stop(timeout=STOP_SECONDS)
            container.remove()
        self._scale(name, len(old))

    def _scale(self, name: str, count: int) -> None:
        self._compose(
            *("up", "--detach", "--no-deps", "--no-recreate", "--wait"),
            *(f"--scale={name}={count}", name),
        )

    def _compose(self, *arguments: str) -> None:
        command = ["docker", "compose", *arguments]
        variables = {**os.environ, **self.variables}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-5000:]
