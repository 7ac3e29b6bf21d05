"""Valid request bodies, unique across runs: a given stack may have been used before."""

from typing import TypedDict, Unpack
from uuid import uuid4


class UserData(TypedDict):
    """The body of `POST /users/`."""

    email: str
    name: str
    password: str


class UserOverrides(TypedDict, total=False):
    email: str
    name: str
    password: str


def create_user_data(**overrides: Unpack[UserOverrides]) -> UserData:
    unique = uuid4().hex
    defaults: UserData = {
        "email": f"{unique}@example.com",
        "name": f"Zoë {unique[:8]}",
        "password": f"correct horse {unique}",
    }
    return {**defaults, **overrides}
