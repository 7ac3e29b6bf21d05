"""Whether a service is ready for requests."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from runner.services import Service

_TIMEOUT_SECONDS = 1.0


def why_not_ready(service: Service) -> str | None:
    """What keeps the service from being ready, or None when nothing does."""
    connection = HTTPConnection(service.host, service.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if response.status == HTTPStatus.OK else f"{response.status} {body}"
