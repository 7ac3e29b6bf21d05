"""Verification of tokens: each claim wrong once, and the forgeries of RFC 8725."""

import base64
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWK

from chassis.auth.remote_keys import KeysUnavailable
from chassis.auth.tokens import Principal, TokenVerifier
from chassis.web.errors import InvalidToken
from chassis.web.fields import MAX_ID
from service_testing.frozen_time import FrozenTime
from service_testing.tokens import TokenIssuer

ISSUER = TokenIssuer(audience="items", name="users")
VERIFIER = TokenVerifier(ISSUER, audience="items", issuer="users")


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


HEADER = {"alg": "EdDSA", "typ": "at+jwt"}


def signed(payload: bytes, headers: Mapping[str, Any] | None = None) -> str:
    """A token with a valid signature of any payload."""
    return jwt.api_jws.encode(
        payload,
        ISSUER._key,
        "EdDSA",
        headers={"typ": "at+jwt", "kid": ISSUER.key_id, **(headers or {})},
    )


async def assert_refused(token: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        await VERIFIER.principal(token)
    assert caught.value.detail == InvalidToken.sentence
    assert caught.value.__cause__ is None


class TestValidToken:
    async def test_principal_is_the_user_and_the_role(self) -> None:
        claims: dict[str, Any] = {"user_id": 7, "role": "admin", "auth_time": 1700000000}
        token = ISSUER.token(**claims, sid="12")
        principal = await VERIFIER.principal(token)
        assert principal == Principal(**claims, token=token, session_id="12")
        assert principal.is_admin
        assert token not in repr(principal)
        assert not (await VERIFIER.principal(ISSUER.token(role="user"))).is_admin

    @pytest.mark.parametrize("audience", ["items", ["items"], ["users", "items"]])
    async def test_audience_may_have_several_entries(self, audience: str | list[str]) -> None:
        await VERIFIER.principal(ISSUER.token(audience=audience))

    @pytest.mark.parametrize("user_id", [1, MAX_ID])
    async def test_user_id_may_be_any_bigint(self, user_id: int) -> None:
        assert (await VERIFIER.principal(ISSUER.token(user_id=user_id))).user_id == user_id

    async def test_claims_of_a_service_need_no_role(self) -> None:
        token = ISSUER.token(sub="items", audience="items", without=["role"])
        assert (await VERIFIER.claims(token))["sub"] == "items"

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    async def test_clock_of_the_issuer_may_be_a_little_ahead(self, claim: str) -> None:
        soon: dict[str, Any] = {claim: int(time.time()) + 5}
        await VERIFIER.principal(ISSUER.token(**soon))

    async def test_format_of_the_tokens_has_not_changed(self) -> None:
        """Written without the constants, because services of other releases read tokens, too."""
        in_an_hour = int(time.time()) + 3600
        claims = {"iss": "users", "sub": "7", "aud": ["users", "items"], "role": "admin"}
        times = {"iat": in_an_hour - 3600, "exp": in_an_hour}
        claims |= {"client_id": "first-party", "jti": "1"}
        token = signed(json.dumps({**claims, **times}).encode())
        assert (await VERIFIER.principal(token)).is_admin

    async def test_token_is_valid_a_little_longer_than_it_states(self) -> None:
        await VERIFIER.principal(ISSUER.token(expires_in_seconds=-5))


class TestWrongClaim:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "someone"},
            {"iss": ["users"]},
            {"aud": "users"},
            {"aud": ["users", "items-events"]},
            {"aud": "items-events"},
            {"aud": []},
            {"aud": ["items", 1]},
            {"aud": None},
            {"exp": "soon"},
            {"exp": 0},
            {"exp": float("inf")},
            {"iat": "now"},
            {"iat": float("inf")},
            {"nbf": "now"},
            {"jti": 1},
            {"sub": 1},
            {"sub": ["1"]},
            {"sub": ""},
            {"sub": "0"},
            {"sub": "-1"},
            {"sub": " 1"},
            {"sub": "٣"},
            {"sub": str(MAX_ID + 1)},
            {"sub": "9" * 10_000},
            {"sub": "ada"},
            {"role": "root"},
            {"role": None},
            {"role": ["admin"]},
        ],
        ids=lambda claims: str(claims)[:40],
    )
    async def test_wrong_claim_is_refused(self, claims: dict[str, Any]) -> None:
        good = jwt.decode(ISSUER.token(), options={"verify_signature": False})
        await assert_refused(signed(json.dumps({**good, **claims}).encode()))

    @pytest.mark.parametrize(
        "claim", ["iss", "aud", "exp", "iat", "sub", "jti", "client_id", "role"]
    )
    async def test_missing_claim_is_refused(self, claim: str) -> None:
        await assert_refused(ISSUER.token(without=[claim]))

    async def test_expired_token_is_refused(self) -> None:
        await assert_refused(ISSUER.token(expires_in_seconds=-10))

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    async def test_token_of_the_future_is_refused(self, claim: str) -> None:
        later: dict[str, Any] = {claim: int(time.time()) + 3600}
        await assert_refused(ISSUER.token(**later))


class TestForgery:
    async def test_token_without_a_signature_is_refused(self) -> None:
        await assert_refused(ISSUER.token(algorithm="none"))

    async def test_signature_with_the_public_key_as_a_secret_is_refused(self) -> None:
        await assert_refused(ISSUER.token(algorithm="HS256"))

    async def test_signature_of_another_key_is_refused(self) -> None:
        await assert_refused(ISSUER.impostor().token())

    async def test_unpublished_key_is_refused(self) -> None:
        await assert_refused(TokenIssuer(key_id="unknown", audience="items", name="users").token())

    @pytest.mark.parametrize("key_id", ["", None, 1, ["test-key"], "x" * 10_000, "\0", "é"])
    async def test_unusual_key_id_is_refused(self, key_id: object) -> None:
        _, payload, signature = ISSUER.token().split(".")
        await assert_refused(f"{encoded({**HEADER, 'kid': key_id})}.{payload}.{signature}")

    async def test_token_without_a_key_id_is_refused(self) -> None:
        _, payload, signature = ISSUER.token().split(".")
        await assert_refused(f"{encoded(HEADER)}.{payload}.{signature}")

    @pytest.mark.parametrize("token_type", ["JWT", "", None, 1, "at+jwt; x", "dpop+jwt"])
    async def test_document_of_another_type_is_refused(self, token_type: object) -> None:
        await assert_refused(ISSUER.token(headers={"typ": token_type}))

    async def test_type_may_be_written_as_a_media_type(self) -> None:
        """RFC 9068, section 4; RFC 7515, section 4.1.9."""
        await VERIFIER.principal(ISSUER.token(headers={"typ": "application/AT+JWT"}))

    async def test_token_with_its_own_key_is_refused(self) -> None:
        impostor = ISSUER.impostor()
        await assert_refused(impostor.token(headers={"jwk": impostor.jwks()["keys"][0]}))

    async def test_changed_payload_is_refused(self) -> None:
        header, payload, signature = ISSUER.token(role="user").split(".")
        claims = jwt.decode(f"{header}.{payload}.", options={"verify_signature": False})
        await assert_refused(f"{header}.{encoded({**claims, 'role': 'admin'})}.{signature}")

    @pytest.mark.parametrize(
        "headers",
        [
            {"alg": "EdDSA", "crit": ["exp"], "exp": 1},
            {"alg": "EdDSA", "b64": False},
            {"alg": "EdDSA", "b64": False, "crit": ["b64"]},
            {"alg": ["EdDSA"]},
            {"alg": "eddsa"},
            {},
        ],
    )
    async def test_unusual_header_is_refused(self, headers: dict[str, Any]) -> None:
        _, payload, signature = ISSUER.token().split(".")
        header = encoded({"typ": "at+jwt", "kid": ISSUER.key_id, **headers})
        await assert_refused(f"{header}.{payload}.{signature}")


ODD_HEADERS: list[object] = [[], b"{", b"\xff", b"[" * 100_000, b"1" * 5000]


class TestGarbage:
    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "a",
            "a.b.c.d",
            "é.é.é",
            "\ud800",
            "a" * 1_000_000,
            "." * 1_000_000,
            *(f"{encoded(header)}.{encoded({})}." for header in ODD_HEADERS),
        ],
        ids=lambda token: ascii(token[:20]),
    )
    async def test_garbage_is_refused(self, token: str) -> None:
        await assert_refused(token)

    @pytest.mark.parametrize(
        "payload",
        [b"", b"[]", b"1", b'"sub"', b"null", b"NaN", b"{", b"\xff", b"[" * 100_000, b"1" * 5000],
        ids=lambda payload: ascii(payload[:20]),
    )
    async def test_signed_garbage_is_refused(self, payload: bytes) -> None:
        await assert_refused(signed(payload))

    @given(st.text())
    async def test_any_text_is_refused(self, token: str) -> None:
        await assert_refused(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class TestClaimsOfAnyValue:
    """With a valid signature, as a faulty issuer might send it."""

    @given(st.sampled_from(["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "role"]), JSON)
    async def test_any_claim_is_valid_or_refused(self, claim: str, value: Any) -> None:
        token = ISSUER.token(**{claim: value})
        with suppress(InvalidToken):
            principal = await VERIFIER.principal(token)
            assert (principal.role in {"user", "admin"}, principal.user_id > 0) == (True, True)

    @given(st.text(st.characters(categories=["Nd", "Nl", "No"])) | st.integers().map(str))
    async def test_any_subject_is_its_user_or_refused(self, subject: str) -> None:
        token = ISSUER.token(sub=subject)
        with suppress(InvalidToken):
            assert str((await VERIFIER.principal(token)).user_id) == subject.lstrip("0")


class PublishedKeys:
    """Keys that a test publishes and revokes."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.issuers = list(issuers)

    async def find(self, key_id: str) -> PyJWK | None:
        return next((PyJWK(key) for each in self.issuers for key in each.jwks()["keys"]), None)

    def confirm(self, key_id: str) -> None: ...


class TestTokenThatWasVerifiedBefore:
    async def test_signature_is_verified_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        token = ISSUER.token(user_id=7)
        first = await VERIFIER.principal(token)
        monkeypatch.setattr(jwt, "decode", None)
        assert await VERIFIER.principal(token) == first

    async def test_expiry_is_checked_again(self, frozen_time: FrozenTime) -> None:
        token = ISSUER.token(expires_in_seconds=60)
        await VERIFIER.principal(token)
        frozen_time.tick(69)
        await VERIFIER.principal(token)
        frozen_time.tick(1)
        await assert_refused(token)

    async def test_revoked_key_ends_it(self) -> None:
        keys = PublishedKeys(ISSUER)
        verifier = TokenVerifier(keys, audience="items", issuer="users")
        token = ISSUER.token()
        await verifier.claims(token)
        keys.issuers.clear()
        with pytest.raises(InvalidToken):
            await verifier.claims(token)

    async def test_other_key_with_the_same_id_ends_it(self) -> None:
        keys = PublishedKeys(ISSUER)
        verifier = TokenVerifier(keys, audience="items", issuer="users")
        token = ISSUER.token()
        await verifier.claims(token)
        keys.issuers = [ISSUER.impostor()]
        with pytest.raises(InvalidToken):
            await verifier.claims(token)

    async def test_verifier_of_another_audience_refuses_it(self) -> None:
        token = ISSUER.token()
        await VERIFIER.claims(token)
        with pytest.raises(InvalidToken):
            await TokenVerifier(ISSUER, audience="users", issuer="users").claims(token)

    async def test_refused_token_stays_refused(self) -> None:
        token = ISSUER.impostor().token()
        for _ in range(2):
            await assert_refused(token)

    async def test_old_tokens_make_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chassis.auth.tokens._REMEMBERED_TOKENS", 2)
        verifier = TokenVerifier(ISSUER, audience="items", issuer="users")
        for token in [ISSUER.token() for _ in range(5)]:
            await verifier.claims(token)
        assert len(verifier._verified) == 2


async def test_unavailable_keys_do_not_make_a_token_invalid() -> None:
    class Nobody:
        async def find(self, key_id: str) -> PyJWK | None:
            raise KeysUnavailable

        def confirm(self, key_id: str) -> None: ...

    with pytest.raises(KeysUnavailable):
        await TokenVerifier(Nobody(), audience="items", issuer="users").principal(ISSUER.token())
