"""How an image came about: an in-toto statement with a SLSA provenance. It isn't signed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from images.build import Image, output


def write_provenance(root: Path, image: Image, file: Path, environ: Mapping[str, str]) -> None:
    """https://slsa.dev/spec/v1.0/provenance."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": image.name, "digest": _digest(image.digest)}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://mobyproject.org/buildkit@v1",
                "externalParameters": {
                    "configSource": {"path": "Dockerfile"},
                    "args": {"SERVICE": image.service, "REVISION": image.commit},
                },
                "resolvedDependencies": _materials(root, image),
            },
            "runDetails": {
                "builder": {"id": _builder(environ)},
                "metadata": {
                    "invocationId": _invocation(environ),
                    "finishedOn": datetime.now(UTC).isoformat(timespec="seconds"),
                },
            },
        },
    }
    file.write_text(json.dumps(statement, indent=2) + "\n", encoding="utf-8")


def _materials(root: Path, image: Image) -> list[dict[str, object]]:
    """The commit, and the base images as the engine has them."""
    source = output("git", "config", "--default=local", "remote.origin.url", folder=root)
    lines = (root / "Dockerfile").read_text(encoding="utf-8").splitlines()
    froms = (line.split() for line in lines if line.startswith("FROM "))
    bases = sorted({words[1] for words in froms if ":" in words[1]})
    return [
        _material(f"git+{_without_login(source)}", {"gitCommit": image.commit}),
        *(_material(f"docker://{base}", _digest(_id_of(root, base))) for base in bases),
    ]


def _material(uri: str, digest: dict[str, str]) -> dict[str, object]:
    return {"uri": uri, "digest": digest}


def _id_of(root: Path, base: str) -> str:
    return output("docker", "inspect", "-f", "{{.Id}}", base, folder=root)


def _without_login(url: str) -> str:
    """CI hosts put a token before the @, which must not be published."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}


def _builder(environ: Mapping[str, str]) -> str:
    return environ.get("CI_PROJECT_URL") or environ.get("GITHUB_REPOSITORY") or "local"


def _invocation(environ: Mapping[str, str]) -> str:
    return environ.get("CI_JOB_URL") or environ.get("GITHUB_RUN_ID") or "local"
