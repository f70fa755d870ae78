"""Which tokens say something, and which don't."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.accounts.tokens import (
    AUDIENCE,
    ISSUER,
    KIND,
    LEEWAY_SECONDS,
    MAX_TOKEN_LENGTH,
    AccessTokens,
    InvalidTokenError,
    RefreshToken,
)
from garaza.kit.ids import new_id
from tests.accounts.house import Keys, SettableClock

SESSION = "0123456789ABCDEFGHIJKL"


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def tokens(keys: Keys, clock: SettableClock) -> AccessTokens:
    return AccessTokens(keys, clock)


def forged(clock: SettableClock, key: bytes = b"1" * 32, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """As ours, but for what is given; None leaves a claim out."""
    now = int(clock())
    ours = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "jti": new_id(), "sid": SESSION, "iat": now, "exp": now + 900}
    wanted = {name: value for name, value in {**ours, **claims}.items() if value is not None}
    return jwt.encode(wanted, key, "HS256", {"kid": "first", "typ": KIND, **(headers or {})})


def opens(tokens: AccessTokens, token: str) -> bool:
    try:
        tokens.read(token)
    except InvalidTokenError:
        return False
    return True


def test_a_token_says_who_and_which_login(tokens: AccessTokens, clock: SettableClock) -> None:
    token = tokens.issue(7, SESSION, 900)
    claims = tokens.read(token)
    assert (claims.user_id, claims.session_id, claims.expires_at) == (7, SESSION, clock() + 900)
    assert claims.jti != tokens.read(tokens.issue(7, SESSION, 900)).jti
    assert len(token) < MAX_TOKEN_LENGTH / 2
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "first", "typ": KIND}


def test_the_forgery_of_these_tests_would_be_good_without_a_change(tokens: AccessTokens, clock: SettableClock) -> None:
    assert opens(tokens, forged(clock))


@pytest.mark.parametrize(
    "claims",
    [
        *({name: None} for name in ("iss", "aud", "sub", "jti", "sid", "iat", "exp")),
        {"iss": "other"},
        {"aud": "other"},
        {"sub": "07"},
        {"sub": "-7"},
        {"sub": "0"},
        {"sub": "7 OR 1=1"},
        {"sub": "9" * 30},
        {"sid": "x"},
        {"sid": 7},
        {"jti": "\0"},
        {"jti": ["a"]},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"exp": 1.5e9},
        {"iat": True},
    ],
)
def test_a_signed_token_with_other_claims_opens_nothing(
    tokens: AccessTokens, clock: SettableClock, claims: dict[str, Any]
) -> None:
    assert not opens(tokens, forged(clock, **claims))


@pytest.mark.parametrize(
    "header", [{"kid": "second"}, {"kid": ""}, {"typ": "JWT"}, {"typ": "dpop+jwt"}, {"kid": "../first"}]
)
def test_a_signed_token_with_another_header_opens_nothing(
    tokens: AccessTokens, clock: SettableClock, header: dict[str, Any]
) -> None:
    assert not opens(tokens, forged(clock, headers=header))


@pytest.mark.parametrize("header", [{"kid": 1}, {"kid": None}, {"kid": ["first"]}, {"typ": None}, {"crit": ["x"]}])
def test_a_header_that_is_none_opens_nothing(
    tokens: AccessTokens, clock: SettableClock, header: dict[str, Any]
) -> None:
    signed = {"alg": "HS256", "kid": "first", "typ": KIND, **header}
    text = base64.urlsafe_b64encode(json.dumps(signed).encode()).decode().rstrip("=")
    text = f"{text}.{forged(clock).split('.')[1]}"
    signature = hmac.digest(b"1" * 32, text.encode(), "sha256")
    assert not opens(tokens, f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "hs256"])
def test_no_other_algorithm_is_taken(tokens: AccessTokens, clock: SettableClock, algorithm: str) -> None:
    _, claims, signature = forged(clock).split(".")
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "first", "typ": KIND}).encode())
        .decode()
        .rstrip("=")
    )
    assert not opens(tokens, f"{header}.{claims}.{signature}")
    assert not opens(tokens, f"{header}.{claims}.")
    if algorithm == "HS512":
        claims_of = jwt.decode(forged(clock), options={"verify_signature": False})
        longer = jwt.encode(claims_of, b"1" * 64, "HS512", {"kid": "first", "typ": KIND})
        assert not opens(tokens, longer)


def test_a_changed_token_opens_nothing(tokens: AccessTokens) -> None:
    token = tokens.issue(7, SESSION, 900)
    header, claims, signature = token.split(".")
    other = tokens.issue(8, SESSION, 900).split(".")[1]
    for changed in (f"{header}.{other}.{signature}", token[:-4], f"{token}x", f"{header}.{claims}", token.upper()):
        assert not opens(tokens, changed)


def test_another_key_under_the_same_name_opens_nothing(tokens: AccessTokens, clock: SettableClock) -> None:
    assert not opens(tokens, forged(clock, key=b"2" * 32))


def test_a_token_has_its_time_and_a_little_for_clocks_that_differ(tokens: AccessTokens, clock: SettableClock) -> None:
    token = tokens.issue(7, SESSION, 900)
    for seconds, good in [(900 + LEEWAY_SECONDS - 1, True), (900 + LEEWAY_SECONDS, False), (-LEEWAY_SECONDS, True)]:
        clock.now = clock.now + seconds
        assert opens(tokens, token) is good
        clock.now = clock.now - seconds
    clock.now -= LEEWAY_SECONDS + 1
    assert not opens(tokens, token), "from the future"
    assert LEEWAY_SECONDS <= 5


def test_a_token_that_was_read_before_ends_with_its_time_and_its_key(
    tokens: AccessTokens, keys: Keys, clock: SettableClock
) -> None:
    token = tokens.issue(7, SESSION, 60)
    began = clock.now
    assert tokens.read(token) == tokens.read(token)
    for moved in (-10, 60 + LEEWAY_SECONDS):
        clock.now = began + moved
        with pytest.raises(InvalidTokenError):
            tokens.read(token)
    clock.now = began
    assert tokens.read(token).user_id == 7
    keys.known = {"first": b"2" * 32}
    with pytest.raises(InvalidTokenError):
        tokens.read(token)
    keys.known = {}
    with pytest.raises(InvalidTokenError):
        tokens.read(token)


def test_after_a_rotation_old_tokens_open_and_new_ones_are_signed_anew(tokens: AccessTokens, keys: Keys) -> None:
    old = tokens.issue(7, SESSION, 900)
    keys.rotate()
    new = tokens.issue(7, SESSION, 900)
    assert opens(tokens, old)
    assert opens(tokens, new)
    del keys.known["first"]
    assert not opens(tokens, old)
    assert opens(tokens, new)


def test_nothing_long_is_even_looked_at(tokens: AccessTokens, keys: Keys, clock: SettableClock) -> None:
    keys.verifying = None  # type: ignore[assignment,method-assign]
    assert not opens(tokens, forged(clock, more="x" * MAX_TOKEN_LENGTH))


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_rubbish_opens_nothing(text: str) -> None:
    tokens = AccessTokens(Keys(), SettableClock())
    for token in (text, f"{text}.{text}.{text}", f"eyJhbGciOiJIUzI1NiJ9.{text}.x"):
        assert not opens(tokens, token)


def test_a_refresh_token_is_random_and_its_hash_is_not_it() -> None:
    one, other = RefreshToken.new(SESSION), RefreshToken.new(SESSION)
    assert one.secret != other.secret
    assert RefreshToken.parse(one.text) == one
    assert len(one.hash) == 64
    assert one.secret not in one.hash


@pytest.mark.parametrize("session_id", ["", "x", SESSION, f"x{SESSION}"])
@pytest.mark.parametrize("secret", ["", "a" * 42, "a" * 44, "a" * 42 + "!", "a" * 42 + "\n"])
def test_what_can_be_no_refresh_token_is_not_looked_up(session_id: str, secret: str) -> None:
    with pytest.raises(InvalidTokenError):
        RefreshToken.parse(f"{session_id}.{secret}")
