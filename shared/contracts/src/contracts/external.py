"""Pacts of consumers that don't live in this repository, in any language: `contracts/external/*.json`.

They are verified, compared and counted as the others, and never generated or changed here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.errors import ContractError

_HTTP, _MESSAGE = "Synchronous/HTTP", "Asynchronous/Messages"


def in_v4(path: Path, text: str) -> dict[str, Any]:
    """The pact in specification V4, from V3 or V4; the description of each interaction is unique.

    Raises:
        ContractError: it is no pact, or has another version or another kind of interaction.
    """
    try:
        pact = json.loads(text)
        metadata = pact["metadata"]
        named = metadata.get("pactSpecification") or metadata["pact-specification"]
        major = str(named["version"]).partition(".")[0]
        given = [*pact.get("interactions", ()), *pact.get("messages", ())]
        found = [each if major == "4" else _upgraded(each) for each in given]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{path} is not a pact ({error!r}). Get it from its consumer again."
        ) from None
    if major not in ("3", "4"):
        raise ContractError(
            f"{path} has the specification {major}; V3 and V4 can be verified. In pact-js, use `PactV4` or `PactV3`."
        )
    for each in found:
        if each["type"] not in (_HTTP, _MESSAGE):
            raise ContractError(
                f"{path}: `{each['description']}` is of the type {each['type']}, which can't be verified."
            )
    return {**pact, "interactions": list(_with_unique_descriptions(found))}


def _with_unique_descriptions(interactions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Add the states to a description that isn't unique: in other tools they are part of the name."""
    descriptions = [each["description"] for each in interactions]
    for each in interactions:
        states = " and ".join(state["name"] for state in each.get("providerStates", ()))
        is_unique = descriptions.count(each["description"]) == 1
        yield (
            each if is_unique else each | {"description": f"{each['description']}, given {states}"}
        )


def _upgraded(old: Mapping[str, Any]) -> dict[str, Any]:
    """An interaction or a message of V3 as V4 writes it."""
    new = {
        key: each
        for key, each in old.items()
        if key not in ("contents", "metaData", "request", "response")
    }
    if "contents" in old:
        given = old.get("metadata", old.get("metaData", {}))
        metadata = {
            "contentType" if key.lower() == "content-type" else key: given[key] for key in given
        }
        kind = metadata.get("contentType", "application/json")
        return new | {
            "type": _MESSAGE,
            "contents": _body(old["contents"], kind),
            "metadata": metadata,
        }
    for name in ("request", "response"):
        part = dict(old[name])
        headers = part.get("headers", {})
        part["headers"] = {
            key: each if isinstance(each, list) else [each] for key, each in headers.items()
        }
        kinds = [each[0] for key, each in part["headers"].items() if key.lower() == "content-type"]
        if part.get("body") is not None:
            part["body"] = _body(part["body"], kinds[0] if kinds else "application/json")
        new[name] = part
    return new | {"type": _HTTP}


def _body(content: Any, kind: str) -> dict[str, Any]:
    return {"content": content, "contentType": kind, "encoded": False}
