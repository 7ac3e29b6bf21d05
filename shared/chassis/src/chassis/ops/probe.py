"""`python -m chassis.ops.probe`: a container's health check, for images without curl.

It reads `/health/ready` of the service that `SERVICE` names. It imports little, because it runs every few seconds.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

_TIMEOUT_SECONDS = 2.5


def port_of_service(environment: Mapping[str, str]) -> int:
    prefix = environment["SERVICE"].upper().replace("-", "_")
    return int(environment[f"{prefix}_PORT"])


def is_ready(port: int) -> tuple[bool, str]:
    """Whether it is ready, and the body of the response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return response.status == 200, response.read().decode("utf-8", "replace")  # noqa: PLR2004
    except (OSError, HTTPException) as error:
        return False, f"no answer: {type(error).__name__}: {error}"
    finally:
        connection.close()


def main() -> int:
    ready, said = is_ready(port_of_service(os.environ))
    print(said)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
