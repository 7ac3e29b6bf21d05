"""What the user is told once the services are ready."""

from collections.abc import Iterable
from pathlib import Path

from runner.services import Service

_TOUR = Path(__file__).with_name("tour.sh")


def welcome(services: Iterable[Service]) -> str:
    """Where everything is, and a tour to copy into a shell."""
    services = list(services)
    places = "\n".join(f"  {s.name}  {s.url}  docs: {s.url}/docs" for s in services)
    addresses = " ".join(f"{s.name.upper()}={s.url}" for s in services)
    return f"""
Ready. Ctrl-C ends both.

{places}

A tour, to copy into another terminal:

{addresses}
{_TOUR.read_text()}
"""
