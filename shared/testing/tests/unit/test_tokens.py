"""The verifier of the chassis accepts the issuer's valid tokens, and refuses all others."""

from typing import Any

import jwt
import pytest

from chassis.auth.tokens import TokenVerifier
from chassis.web.errors import InvalidToken
from service_testing.tokens import TokenIssuer


@pytest.fixture
def verifier(token_issuer: TokenIssuer) -> TokenVerifier:
    return TokenVerifier(token_issuer, audience="example", issuer="issuer")


async def test_valid_token_is_accepted(verifier: TokenVerifier, token_issuer: TokenIssuer) -> None:
    principal = await verifier.principal(token_issuer.token(user_id=7, role="admin"))
    assert (principal.user_id, principal.role) == (7, "admin")


async def test_valid_token_has_these_claims(token_issuer: TokenIssuer) -> None:
    claims = jwt.decode(token_issuer.token(), options={"verify_signature": False})
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "role", "client_id"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("issuer", "1", ["example", "other"])
    assert claims["exp"] - claims["iat"] == 15 * 60


WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"audience": "example-events"},
    "expired": {"expires_in_seconds": -60},
    "another issuer": {"iss": "elsewhere"},
    "an issuer that is no text": {"iss": 7},
    "a user id that is no text": {"sub": 1},
    "a role that nobody has": {"role": "root"},
    "not yet valid": {"nbf": 2**40},
    "unsigned": {"algorithm": "none"},
    "signed with the public key": {"algorithm": "HS256"},
    "an unknown key": {"headers": {"kid": "unknown"}},
    **{f"no {claim}": {"without": [claim]} for claim in ("iss", "sub", "aud", "iat", "exp", "jti")},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG.keys())
async def test_token_with_one_invalid_property_is_refused(
    verifier: TokenVerifier, token_issuer: TokenIssuer, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken):
        await verifier.principal(token_issuer.token(**options))


async def test_token_of_an_impostor_is_refused(
    verifier: TokenVerifier, token_issuer: TokenIssuer
) -> None:
    with pytest.raises(InvalidToken):
        await verifier.principal(token_issuer.impostor().token())


def test_published_keys_verify_tokens_and_contain_no_private_key(
    token_issuer: TokenIssuer,
) -> None:
    [key] = token_issuer.jwks()["keys"]
    assert "d" not in key
    assert (key["use"], key["alg"]) == ("sig", "EdDSA")
    assert jwt.decode(token_issuer.token(), jwt.PyJWK(key), audience="example")["sub"] == "1"
