"""What the gate found, by what it printed: which part of it, and what that names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONSUMER = "consumer's test"
DRIFT = "drift"
PROVIDER = "provider verification"
FIT = "fit to the API"
CHANGES = "API changes"
DEPLOY = "can-i-deploy"
PARTS = {
    CONSUMER: r"^FAILED (?P<name>tests/contract/\S+)(?=[\s\S]*Consumers' tests fail in)",
    DRIFT: r"(?P<name>contracts/(?:openapi|pacts)/\S+) is not what the code says now",
    PROVIDER: r"^FAILED tests/contract/\S+::test_interaction_is_kept\[\S+: (?P<name>[^\]]+)\]",
    FIT: r"^`\S+: (?P<name>[^`]+)` \(.*\): ",
    CHANGES: r"; breaks \S+: (?P<name>[^;]+), tests/",
    DEPLOY: r"^(?P<name>.+): NO\. Not kept: `",
}
"""The parts of the gate in its order, and what they print of what they find."""


@dataclass(frozen=True)
class Finding:
    part: str
    name: str


def findings(output: str) -> list[Finding]:
    return list(dict.fromkeys(_found(output)))


def _found(output: str) -> Iterator[Finding]:
    for part, pattern in PARTS.items():
        for match in re.finditer(pattern, output, re.MULTILINE):
            yield Finding(part, match["name"])
