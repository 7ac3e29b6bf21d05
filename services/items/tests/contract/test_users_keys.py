"""What items expects of `GET /.well-known/jwks.json`, with its own code."""

from app.errors import UsersUnavailable
from chassis.auth.remote_keys import NoStore, RemoteKeys
from contracts.consumer import ExpectedProvider, Request, Response, containing, matching, state
from tests.contract.conftest import ConnectTo

KEY_ID = "example-key"
PUBLIC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"  # pragma: allowlist secret - RFC 8037, appendix A.2

KEY = {
    "kid": matching(KEY_ID, r"^\S+$"),
    "kty": matching("OKP", "^OKP$"),
    "crv": matching("Ed25519", "^Ed25519$"),
    "alg": matching("EdDSA", "^EdDSA$"),
    "x": matching(PUBLIC_X, "^[A-Za-z0-9_-]{43}$"),
}


async def test_keys_are_found_by_their_ids(users: ExpectedProvider, connect_to: ConnectTo) -> None:
    with users.answers(
        "the published keys",
        given=[state("published keys")],
        request=Request(method="GET", path="/.well-known/jwks.json"),
        response=Response(status=200, body={"keys": containing(KEY)}),
    ) as url:
        fetch_keys = connect_to(url).fetch_keys
        keys = RemoteKeys(fetch_keys, NoStore(), failures=(UsersUnavailable,))
        key = await keys.find(KEY_ID)
    assert key is not None
    assert key.algorithm_name == "EdDSA"
