"""The profile `observability`, with the official images: it starts, and Grafana shows every dashboard."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack import CONTAINERS, SERVICES
from test_alerts import DASHBOARDS

import workspace
from workspace import ROOT

STARTED = {"prometheus": 9090, "grafana": 3000, "jaeger": 16686}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def official_image(name: str) -> str:
    build = CONTAINERS[name].get("build")
    if build is None:
        return str(CONTAINERS[name]["image"])
    first = (ROOT / build["dockerfile"]).read_text().partition("FROM ")[2]
    return str(first.split()[0])


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["/usr/bin/env", "docker", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Profile:
    def __init__(self, variables: Path) -> None:
        self.options = [
            "compose",
            "--project-name",
            "observability-test",
            "--env-file",
            str(variables),
        ]

    def compose(self, *arguments: str) -> str:
        done = docker(*self.options, "--profile", "observability", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, name: str, path: str) -> Any:
        """The JSON that a container answers; for a minute after its start it may not."""
        address = self.compose("port", name, str(STARTED[name])).strip()
        deadline = time.monotonic() + 60
        without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with without_proxy.open(f"http://{address}{path}") as response:
                    return json.load(response)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    for image in map(official_image, STARTED):
        if docker("image", "inspect", image).returncode != 0:
            pull = docker("pull", "--quiet", image)
            if pull.returncode != 0:
                pytest.skip(f"{image} can't be had on this machine: {pull.stderr.strip()[-200:]}")
    variables = tmp_path_factory.mktemp("profile") / ".env"
    ports = "".join(f"{name.upper()}_PORT=0\n" for name in STARTED)
    variables.write_text(workspace.env_text() + ports)
    profile = Profile(variables)
    try:
        profile.compose("up", "--detach", "--build", "--wait", "--no-deps", *STARTED)
        yield profile
    finally:
        profile.compose("down", "--volumes", "--timeout", "5")


def test_scrapes_and_dashboards_are_complete(profile: Profile) -> None:
    pools = profile.get("prometheus", "/api/v1/scrape_pools")["data"]["scrapePools"]
    boards = {each["uid"] for each in profile.get("grafana", "/api/search?type=dash-db")}

    assert set(pools) == {service.name for service in SERVICES}
    assert boards == {json.loads(file.read_text())["uid"] for file in DASHBOARDS}
    assert "data" in profile.get("jaeger", "/api/services")
