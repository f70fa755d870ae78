"""A request counts as signed only if all of it was, lately, by a known key; and what we sign, others can check.

The signatures here are made and checked by hand, so that the two directions can't be wrong in the same way.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from garaza.kit.signing.incoming import (
    MAX_COMPONENTS,
    MAX_HEADER_LINES,
    Incoming,
    Policy,
    Reason,
    SignatureRefused,
    Verified,
    from_scope,
    verify,
)
from garaza.kit.signing.keys import (
    BadKeyError,
    HmacSecret,
    VerifyingKey,
    new_private_key,
    new_secret,
    private_pem,
    public_jwk,
    public_pem,
    read_base64,
    read_private_key,
    read_public_key,
    read_secret,
    thumbprint,
    to_base64,
)
from garaza.kit.signing.outgoing import sign

NOW = 1_700_000_000
PAIR = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECRET = HmacSecret(bytes(range(32)))
KEYS: dict[str, VerifyingKey] = {"pair": PAIR.public_key(), "secret": SECRET}
BODY = b'{"plan": "pro"}'
ALL = ("@method", "@authority", "@path", "@query", "content-digest")


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def digest(body: bytes, name: str = "sha256") -> str:
    return f"{name[:3]}-{name[3:]}=:{b64(hashlib.new(name, body).digest())}:"


def signature_base(request: Incoming, components: tuple[str, ...], parameters: str) -> str:
    """What is signed, as section 2.5 of the RFC has it."""
    fields = {name.lower(): value for name, value in request.headers}
    values = {
        "@method": request.method,
        "@authority": request.authority.lower(),
        "@path": request.path,
        "@query": f"?{request.query}",
        **fields,
    }
    lines = [f'"{name}": {values[name]}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def signed(
    components: tuple[str, ...] = ALL,
    parameters: str = f';created={NOW};nonce="0123456789abcdef"',
    keyid: str = "pair",
    key: Ed25519PrivateKey | HmacSecret = PAIR,
    label: str = "sig",
    **parts: Any,
) -> Incoming:
    """A request that is signed by hand."""
    request = Incoming(
        **{
            "method": "POST",
            "authority": "api.example.org",
            "path": "/api/plan",
            "query": "user=5",
            "headers": (("Content-Digest", digest(parts.get("body", BODY))),),
            "body": BODY,
            **parts,
        }
    )
    quoted = " ".join(f'"{name}"' for name in components)
    inner = f'({quoted}){parameters};keyid="{keyid}"'
    base = signature_base(request, components, inner).encode()
    value = hmac.digest(key.value, base, "sha256") if isinstance(key, HmacSecret) else key.sign(base)
    added = (("Signature-Input", f"{label}={inner}"), ("Signature", f"{label}=:{b64(value)}:"))
    return replace(request, headers=(*request.headers, *added))


async def find(keyid: str) -> VerifyingKey | None:
    return KEYS.get(keyid)


def check(request: Incoming, policy: Policy | None = None, now: float = NOW) -> Verified:
    return asyncio.run(verify(request, find, policy or Policy(), now=now))


def refusal(request: Incoming, policy: Policy | None = None, now: float = NOW) -> Reason:
    with pytest.raises(SignatureRefused) as caught:
        check(request, policy, now)
    return caught.value.reason


def with_header(request: Incoming, name: str, value: str | None) -> Incoming:
    kept = [line for line in request.headers if line[0] != name]
    return replace(request, headers=(*kept, (name, value)) if value is not None else tuple(kept))


def with_label(request: Incoming, name: str, change: Callable[[str], str]) -> Incoming:
    return replace(request, headers=tuple((n, change(v) if n == name else v) for n, v in request.headers))


@pytest.mark.parametrize(("keyid", "key"), [("pair", PAIR), ("secret", SECRET)])
def test_what_is_signed_by_hand_is_taken(keyid: str, key: Ed25519PrivateKey | HmacSecret) -> None:
    parameters = f';created={NOW};expires={NOW + 60};nonce="0123456789abcdef";tag="billing"'
    request = signed(parameters=parameters, keyid=keyid, key=key)
    assert check(request) == Verified(
        keyid=keyid, label="sig", nonce="0123456789abcdef", created=NOW, expires=NOW + 60, tag="billing"
    )


def test_without_query_and_body_less_has_to_be_covered() -> None:
    request = signed(("@method", "@authority", "@path"), method="GET", query="", body=b"", headers=())
    assert check(request).expires == NOW + 300
    # Both may be covered all the same.
    assert check(signed(method="GET", query="", body=b""))


def test_the_example_of_the_rfc_verifies() -> None:
    """RFC 9421, B.2.6. It covers too little to be taken, which is looked at only once the signature is right."""
    key = read_public_key("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    names = '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    value = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    request = Incoming(
        method="POST",
        authority="example.com",
        path="/foo",
        query="param=Value&Pet=dog",
        headers=(
            ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("Content-Type", "application/json"),
            ("Content-Length", "18"),
            ("Signature-Input", f'sig-b26={names};created=1618884473;keyid="test-key-ed25519"'),
            ("Signature", f"sig-b26=:{value}:"),
        ),
        body=b'{"hello": "world"}',
    )

    async def find_example(_keyid: str) -> VerifyingKey:
        return key

    for sent, reason in ((request, Reason.NOT_COVERED), (replace(request, path="/fox"), Reason.BAD_SIGNATURE)):
        with pytest.raises(SignatureRefused) as caught:
            asyncio.run(verify(sent, find_example, Policy(), now=1618884473))
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"authority": "other.example.org"},
        {"authority": "api.example.org:8443"},
        {"path": "/api/plans"},
        {"path": "/api/Plan"},
        {"path": "/api/%70lan"},
        {"query": "user=6"},
        {"query": ""},
        {"query": "user=5&user=6"},
    ],
)
def test_another_request_than_was_signed_is_refused(change: dict[str, str]) -> None:
    assert refusal(replace(signed(), **change)) is Reason.BAD_SIGNATURE


def test_another_body_than_was_signed_is_refused() -> None:
    request = signed()
    assert refusal(replace(request, body=b'{"plan": "enterprise"}')) is Reason.DIGEST_MISMATCH
    assert refusal(replace(request, body=b"")) is Reason.DIGEST_MISMATCH
    assert refusal(with_header(request, "Content-Digest", digest(b"else"))) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (digest(BODY, "sha512"), None),
        (f"{digest(BODY)}, {digest(BODY, 'sha512')}", None),
        (f"{digest(BODY)}, {digest(b'else', 'sha512')}", Reason.DIGEST_MISMATCH),
        (f"{digest(b'else')}, {digest(BODY)}", Reason.DIGEST_MISMATCH),
        (f"md5=:{b64(hashlib.md5(BODY).digest())}:", Reason.DIGEST_MISMATCH),
        (f"sha-256={hashlib.sha256(BODY).hexdigest()}", Reason.DIGEST_MISMATCH),
        ("sha-256=::", Reason.DIGEST_MISMATCH),
        ("sha-256=@99999999999999", Reason.DIGEST_MISMATCH),
        ("sha-256", Reason.DIGEST_MISMATCH),
        ("", Reason.DIGEST_MISMATCH),
        ("sha-256=:" + "A" * 600 + ":", Reason.TOO_LARGE),
    ],
)
def test_only_good_digests_count(value: str, reason: Reason | None) -> None:
    request = signed(headers=(("Content-Digest", value),))
    if reason is None:
        check(request)
    else:
        assert refusal(request) is reason


@pytest.mark.parametrize("missing", ALL)
def test_each_part_has_to_be_covered(missing: str) -> None:
    assert refusal(signed(tuple(name for name in ALL if name != missing))) is Reason.NOT_COVERED


def test_a_part_of_the_digest_is_not_the_digest() -> None:
    request = signed(headers=(("Content-Digest", digest(BODY)),))
    text = f'("@method" "@authority" "@path" "@query" "content-digest";key="sha-256");created={NOW};keyid="pair"'
    lines = signature_base(request, ALL[:4], text).split("\n")
    base = "\n".join([*lines[:-1], f'"content-digest";key="sha-256": {digest(BODY)[8:]}', lines[-1]])
    request = with_header(request, "Signature-Input", f"sig={text}")
    request = with_header(request, "Signature", f"sig=:{b64(PAIR.sign(base.encode()))}:")
    assert refusal(request) is Reason.NOT_COVERED


def test_more_may_be_asked_to_be_covered() -> None:
    policy = Policy(covered=frozenset({"content-type"}))
    headers = (("Content-Digest", digest(BODY)), ("Content-Type", "application/json"))
    assert refusal(signed(headers=headers), policy) is Reason.NOT_COVERED
    check(signed((*ALL, "content-type"), headers=headers), policy)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (f";created={NOW - 300}", None),
        (f";created={NOW - 301}", Reason.TOO_OLD),
        (f";created={NOW + 30}", None),
        (f";created={NOW + 31}", Reason.IN_THE_FUTURE),
        (";created=999999999999999", Reason.IN_THE_FUTURE),
        (";created=-999999999999999", Reason.TOO_OLD),
        ("", Reason.NO_CREATED),
        (f";expires={NOW + 10}", Reason.NO_CREATED),
        (f";created={NOW - 10};expires={NOW}", None),
        (f";created={NOW - 10};expires={NOW - 1}", Reason.EXPIRED),
        (f";created={NOW};expires={NOW + 300}", None),
        (f";created={NOW};expires={NOW + 301}", Reason.LASTS_TOO_LONG),
        (f";created={NOW};expires={NOW - 1}", Reason.LASTS_TOO_LONG),
        (f';created="{NOW}"', Reason.BAD_SIGNATURE),
        (f";created={NOW}.5", Reason.BAD_SIGNATURE),
        (f";created=@{NOW}", Reason.BAD_SIGNATURE),
        (";created", Reason.BAD_SIGNATURE),
        (f";created={NOW};expires=?1", Reason.BAD_SIGNATURE),
    ],
)
def test_a_signature_holds_for_its_time(parameters: str, reason: Reason | None) -> None:
    request = signed(parameters=f'{parameters};nonce="0123456789abcdef"')
    if reason is None:
        check(request)
    else:
        assert refusal(request) is reason


@pytest.mark.parametrize("parameters", [f";created={NOW}", f";created={NOW};expires={NOW + 7}"])
def test_a_nonce_has_to_be_remembered_no_longer_than_is_told(parameters: str) -> None:
    request = signed(parameters=f'{parameters};nonce="0123456789abcdef"')
    expires = check(request).expires
    check(request, now=expires)
    assert refusal(request, now=expires + 0.001) in {Reason.TOO_OLD, Reason.EXPIRED}


@pytest.mark.parametrize(
    ("nonce", "reason"),
    [
        (f';nonce="{"n" * 16}"', None),
        (f';nonce="{"n" * 128}"', None),
        (f';nonce="{"n" * 15}"', Reason.NO_NONCE),
        (f';nonce="{"n" * 129}"', Reason.NO_NONCE),
        ('nonce=""', Reason.MALFORMED),
        ("", Reason.NO_NONCE),
        (f";nonce={'n' * 20}", Reason.BAD_SIGNATURE),
    ],
)
def test_a_nonce_is_needed(nonce: str, reason: Reason | None) -> None:
    request = signed(parameters=f";created={NOW}{nonce}")
    if reason is None:
        check(request)
    else:
        assert refusal(request) is reason


def test_the_key_says_which_algorithm_it_is_for() -> None:
    nonce = ';nonce="0123456789abcdef"'
    check(signed(parameters=f';created={NOW};alg="ed25519"{nonce}'))
    check(signed(parameters=f';created={NOW};alg="hmac-sha256"{nonce}', keyid="secret", key=SECRET))
    for name in ("hmac-sha256", "rsa-v1_5-sha256", "none", ""):
        assert refusal(signed(parameters=f';created={NOW};alg="{name}"{nonce}')) is Reason.WRONG_ALGORITHM
    assert refusal(signed(parameters=f";created={NOW};alg=ed25519{nonce}")) is Reason.MALFORMED


def test_a_public_key_is_no_secret() -> None:
    """Who knows a public key can't sign by using it as a secret."""
    public = PAIR.public_key()
    for known in (public.public_bytes_raw(), public_pem(public).encode()):
        assert refusal(signed(key=HmacSecret(known))) is Reason.BAD_SIGNATURE


def test_keys_that_are_not_known_or_not_the_right_ones() -> None:
    assert refusal(signed(keyid="nobody")) is Reason.UNKNOWN_KEY
    assert refusal(signed(keyid="")) is Reason.MALFORMED
    assert refusal(signed(keyid="k" * 129)) is Reason.TOO_LARGE
    assert refusal(signed(key=new_private_key())) is Reason.BAD_SIGNATURE
    assert refusal(signed(keyid="secret", key=new_secret())) is Reason.BAD_SIGNATURE


def test_what_the_finder_of_keys_raises_goes_through() -> None:
    async def broken(_keyid: str) -> VerifyingKey | None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(verify(signed(), broken, Policy(), now=NOW))


def test_the_signature_was_made_for_us() -> None:
    request = signed(authority="API.example.org")
    check(request, Policy(authorities=frozenset({"api.example.org"})))
    assert refusal(request, Policy(authorities=frozenset({"other.example.org"}))) is Reason.WRONG_AUTHORITY
    tagged = signed(parameters=f';created={NOW};nonce="0123456789abcdef";tag="billing"')
    check(tagged, Policy(tag="billing"))
    assert refusal(tagged, Policy(tag="admin")) is Reason.WRONG_TAG
    assert refusal(request, Policy(tag="admin")) is Reason.WRONG_TAG


def test_exactly_one_signature_is_taken() -> None:
    one = signed()
    other = signed(label="other")
    inputs = dict(other.headers)
    both = replace(one, headers=(*one.headers, *((n, inputs[n]) for n in ("Signature-Input", "Signature"))))
    assert refusal(both) is Reason.SEVERAL_SIGNATURES
    assert refusal(replace(one, headers=(*one.headers, *one.headers[-2:]))) is Reason.MALFORMED
    assert refusal(with_header(one, "Signature", None)) is Reason.NOT_SIGNED
    assert refusal(with_header(one, "Signature-Input", None)) is Reason.NOT_SIGNED
    assert refusal(with_label(one, "Signature", lambda text: text.replace("sig", "gis"))) is Reason.MALFORMED
    assert refusal(replace(one, headers=())) is Reason.NOT_SIGNED


def test_a_repeated_parameter_is_refused() -> None:
    assert refusal(signed(parameters=f';created=1;created={NOW};nonce="0123456789abcdef"')) is Reason.MALFORMED


def test_repeated_lines_are_signed_together() -> None:
    headers = (("Content-Digest", digest(BODY)), ("Content-Digest", digest(BODY, "sha512")))
    joined = ", ".join(value for _, value in headers)
    request = signed(headers=(("Content-Digest", joined),))
    check(replace(request, headers=(*headers, *request.headers[1:])))


@pytest.mark.parametrize(
    ("authority", "path"),
    [
        # All of them are "https://api.example.org/admin/users" when the parts are put together.
        ("api.example.org/admin", "/users"),
        ("api.example.org/admin/users?", "/else"),
        ("api.example.org/admin/users#", "/else"),
        ("else@api.example.org", "/admin/users"),
        ("api.example.org", "/admin/users#else"),
        ("api.example.org", "/admin/users?else"),
    ],
)
def test_no_part_can_reach_into_another(authority: str, path: str) -> None:
    request = signed(ALL[:3], method="GET", path="/admin/users", query="", body=b"", headers=())
    check(request)
    assert refusal(replace(request, authority=authority, path=path)) is Reason.MALFORMED


def test_no_part_of_the_query_can_be_left_out() -> None:
    """What follows a # would not be signed."""
    assert refusal(replace(signed(), query="user=5#&user=6")) is Reason.MALFORMED


def test_everything_has_a_bound() -> None:
    request = signed()
    assert refusal(request, Policy(max_body_bytes=len(BODY) - 1)) is Reason.TOO_LARGE
    assert refusal(replace(request, path="/" + "a" * 9000)) is Reason.TOO_LARGE
    many = (*request.headers, *((f"X-{n}", "") for n in range(MAX_HEADER_LINES)))
    assert refusal(replace(request, headers=many)) is Reason.TOO_LARGE
    assert refusal(replace(request, headers=(*request.headers, ("X", "a" * 70_000)))) is Reason.TOO_LARGE
    assert refusal(with_label(request, "Signature-Input", lambda text: text + ";x" * 3000)) is Reason.TOO_LARGE
    assert refusal(with_label(request, "Signature", lambda text: text + ";x" * 300)) is Reason.TOO_LARGE
    names = " ".join(f'"x-{n}"' for n in range(MAX_COMPONENTS + 1))
    assert refusal(with_header(request, "Signature-Input", f'sig=({names});keyid="pair"')) is Reason.TOO_LARGE


def test_a_refusal_tells_nothing_that_was_sent() -> None:
    for reason in Reason:
        assert str(SignatureRefused(reason)).endswith(".") or ":" in str(SignatureRefused(reason))
    with pytest.raises(SignatureRefused) as caught:
        check(signed(keyid="<script>"))
    assert "script" not in str(caught.value)


INPUT = dict(signed().headers)["Signature-Input"]
VALUE = dict(signed().headers)["Signature"]
PIECES = [
    "sig",
    "=",
    "(",
    ")",
    '"',
    ";",
    ",",
    " ",
    "\t",
    ":",
    "?1",
    "@",
    "%",
    "\\",
    "é",
    "\x00",
    "\r\n ",
    "1e9",
    "-",
    ".",
]
PIECES += ['"@method"', '"@query-param";name="user"', '"@status"', '"@signature-params"', '"content-digest";sf', ";req"]
PIECES += [
    f";created={NOW}",
    ";created=999999999999999",
    ';keyid="pair"',
    ';nonce="0123456789abcdef"',
    ";tag=a",
    "@9" * 8,
]
PIECES += [
    '"date";bs',
    '"set-cookie"',
    "%22%ff",
    '%"a%zz"',
    ":YQ==:",
    "?0",
    "9" * 16,
    "*",
    '"content-digest";key="sha-256"',
]
texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with a piece of it taken out, and something put in its place."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 12)))
    return text[:start] + draw(texts) + text[end:]


@settings(max_examples=600, deadline=None)
@given(
    given_input=st.one_of(damaged(INPUT), texts),
    value=st.one_of(st.just(VALUE), damaged(VALUE), texts),
    content_digest=st.one_of(st.just(digest(BODY)), damaged(digest(BODY)), texts),
    more=st.lists(st.tuples(st.text(max_size=8), texts), max_size=3),
)
@example(given_input='sig=();keyid="pair"', value=VALUE, content_digest="", more=[("Set-Cookie", "a"), ("é", "\udc00")])
def test_nothing_in_headers_raises_anything_else(
    given_input: str,
    value: str,
    content_digest: str,
    more: list[tuple[str, str]],
) -> None:
    request = signed()
    headers = (("Content-Digest", content_digest), ("Signature-Input", given_input), ("Signature", value), *more)
    try:
        verified = check(replace(request, headers=headers))
    except SignatureRefused:
        return
    # What is still taken says the same in other letters.
    assert (verified.keyid, verified.nonce) == ("pair", "0123456789abcdef")


@settings(max_examples=300, deadline=None)
@given(text=texts, place=st.integers(0, 3))
def test_nothing_that_is_signed_raises_anything_else(text: str, place: int) -> None:
    """Who has a key may sign nonsense; the library then gets further with it."""
    parameters = f';created={NOW};nonce="0123456789abcdef"'
    components = ALL
    headers = [("Content-Digest", digest(BODY))]
    match place:
        case 0:
            parameters = text
        case 1:
            headers = [("Content-Digest", text)]
        case 2:
            headers.append(("X", text))
            components = (*ALL, "x")
        case 3:
            parameters += text
    try:
        request = signed(components, parameters, headers=tuple(headers))
    except UnicodeEncodeError:
        return
    with contextlib.suppress(SignatureRefused):
        check(request)


@settings(max_examples=300, deadline=None)
@given(
    method=st.one_of(st.just("POST"), st.text(max_size=8)),
    authority=st.one_of(st.just("api.example.org"), st.text(max_size=20), st.from_regex(r"\A\[[0-9a-f:.]+\](:\d+)?\Z")),
    path=st.one_of(st.just("/api/plan"), st.text(max_size=20)),
    query=st.one_of(st.just("user=5"), st.text(max_size=20)),
    scheme=st.one_of(st.just("https"), st.text(max_size=6)),
)
def test_nothing_in_the_request_line_raises_anything_else(**parts: str) -> None:
    try:
        check(replace(signed(), **parts))
    except SignatureRefused:
        return
    assert parts == {
        "method": "POST",
        "authority": "api.example.org",
        "path": "/api/plan",
        "query": "user=5",
        "scheme": parts["scheme"],
    }


def test_an_asgi_request_is_taken_as_it_was_sent() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/api/a b",
        "raw_path": b"/api/a%20b",
        "query_string": b"x=%20",
        "headers": [(b"host", b"api.example.org"), (b"x-a", b"\xe9")],
    }
    request = from_scope(scope, b"body")
    assert (request.path, request.query, request.authority) == ("/api/a%20b", "x=%20", "api.example.org")
    assert request.headers[1] == ("x-a", "é")
    assert from_scope({**scope, "raw_path": None}, b"").path == "/api/a%20b"
    for hosts in ([], [(b"host", b"a"), (b"host", b"b")]):
        with pytest.raises(SignatureRefused):
            from_scope({**scope, "headers": hosts}, b"")


def test_others_can_check_what_we_sign() -> None:
    headers = sign(
        "POST", "https://Example.org:8443/hook?a=%20", key=PAIR, keyid="k", now=NOW + 0.9, body=BODY, tag="garden"
    )
    assert headers["Content-Digest"] == digest(BODY)
    assert headers["Content-Type"] == "application/json"
    label, _, inner = headers["Signature-Input"].partition("=")
    match = re.fullmatch(r"\((.*)\)(;.*)", inner)
    assert match
    components = tuple(name.strip('"') for name in match[1].split(" "))
    assert set(components) == {"@method", "@authority", "@path", "@query", "content-type", "content-digest"}
    parameters = dict(part.split("=", 1) for part in match[2][1:].split(";"))
    assert (parameters["created"], parameters["expires"]) == (str(NOW), str(NOW + 300))
    assert parameters["keyid"], parameters["tag"] == ('"k"', '"garden"')
    assert parameters["alg"] == '"ed25519"'
    assert len(parameters["nonce"]) == 34
    sent = Incoming(
        method="POST", authority="Example.org:8443", path="/hook", query="a=%20", headers=tuple(headers.items())
    )
    signature = base64.b64decode(headers["Signature"].removeprefix(f"{label}=:").removesuffix(":"))
    PAIR.public_key().verify(signature, signature_base(sent, components, inner).encode())
    with pytest.raises(InvalidSignature):
        PAIR.public_key().verify(signature, signature_base(replace(sent, path="/"), components, inner).encode())


@pytest.mark.parametrize(("keyid", "key"), [("pair", PAIR), ("secret", SECRET)])
@pytest.mark.parametrize(("query", "body"), [("", b""), ("?a=1", BODY), ("?", BODY)])
def test_we_take_what_we_sign(keyid: str, key: Ed25519PrivateKey | HmacSecret, query: str, body: bytes) -> None:
    url = f"https://api.example.org:443{query and '/x' + query}"
    headers = sign("PUT", url, key=key, keyid=keyid, now=NOW, body=body, lifetime_seconds=20)
    request = Incoming(
        method="PUT",
        authority="api.example.org",
        path="/x" if query else "/",
        query=query.removeprefix("?"),
        headers=tuple(headers.items()),
        body=body,
    )
    assert check(request).expires == NOW + 20


def test_each_signature_has_another_nonce() -> None:
    made = {sign("GET", "https://a.example/", key=PAIR, keyid="k", now=NOW)["Signature-Input"] for _ in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize(
    ("method", "url", "lifetime"),
    [
        ("get", "https://a.example/", 10),
        ("GET", "/path", 10),
        ("GET", "https://a.example/a b", 10),
        ("GET", "https://a.example/é", 10),
        ("GET", "https://a.example/", 0),
        ("GET", "https://a.example/", 301),
    ],
)
def test_what_can_not_be_signed_is_told(method: str, url: str, lifetime: int) -> None:
    with pytest.raises(ValueError, match="sign"):
        sign(method, url, key=PAIR, keyid="k", now=NOW, lifetime_seconds=lifetime)


def test_public_keys_are_read_as_people_give_them() -> None:
    key = new_private_key().public_key()
    raw, form = serialization.PublicFormat.Raw, serialization.PublicFormat.SubjectPublicKeyInfo
    encoding = serialization.Encoding
    value = key.public_bytes(encoding.Raw, raw)
    given = [
        public_pem(key),
        f"\n  {public_pem(key)}\n",
        b64(value),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
        b64(key.public_bytes(encoding.DER, form)),
        key.public_bytes(encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() + " me@here",
    ]
    for text in given:
        assert read_public_key(text).public_bytes_raw() == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no public key"),
        ("hello", "no public key"),
        ("é" * 40, "no public key"),
        ("A" * 20_000, "too long"),
        (b64(b"x" * 31), "no public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no public key"),
        ("ssh-rsa AAAA me", "no public key"),
        (private_pem(PAIR), "private key"),
        (public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()), "another kind"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_public_key_is_told_and_not_repeated(text: str, told: str) -> None:
    with pytest.raises(BadKeyError, match=told) as caught:
        read_public_key(text)
    assert len(text) < 5 or text not in str(caught.value)


def _small_order_points() -> list[bytes]:
    prime = 2**255 - 19
    d = -121665 * pow(121666, -1, prime) % prime
    # Of order 8: those whose double has y = 0, which is where d·y⁴ + 2·y² − 1 = 0.
    root = pow(1 + d, (prime + 3) // 8, prime)
    if pow(root, 2, prime) != (1 + d) % prime:
        root = root * pow(2, (prime - 1) // 4, prime) % prime
    assert pow(root, 2, prime) == (1 + d) % prime
    found = {0, 1, prime - 1}
    for sign_of_root in (1, -1):
        square = (-1 + sign_of_root * root) * pow(d, -1, prime) % prime
        y = pow(square, (prime + 3) // 8, prime)
        for candidate in (y, y * pow(2, (prime - 1) // 4, prime) % prime):
            if pow(candidate, 2, prime) == square:
                found |= {candidate, prime - candidate}
    assert len(found) == 5
    encoded = [*found, prime, prime + 1]
    return [(y | sign_bit << 255).to_bytes(32, "little") for y in encoded for sign_bit in (0, 1)]


@pytest.mark.parametrize("value", _small_order_points())
def test_a_key_that_anybody_can_sign_for_is_refused(value: bytes) -> None:
    with pytest.raises(BadKeyError, match="Anybody"):
        read_public_key(b64(value))


def test_private_keys_and_secrets_are_read_back() -> None:
    assert read_private_key(private_pem(PAIR)).private_bytes_raw() == bytes(range(32))
    assert read_private_key(b64(bytes(range(32)))).private_bytes_raw() == bytes(range(32))
    for text in ("", "x", public_pem(PAIR.public_key()), b64(b"x" * 33)):
        with pytest.raises(BadKeyError):
            read_private_key(text)
    assert read_secret(to_base64(SECRET.value)) == SECRET
    assert len(new_secret().value) == 32
    assert new_secret() != new_secret()
    for text in (b64(b"x" * 31), b64(b"x" * 1025), "", "*"):
        with pytest.raises(BadKeyError):
            read_secret(text)
    assert "value" not in repr(SECRET)


@given(value=st.binary(max_size=70), padded=st.booleans(), url=st.booleans())
def test_base64_is_read_in_each_spelling(value: bytes, padded: bool, url: bool) -> None:
    text = (base64.urlsafe_b64encode if url else base64.b64encode)(value).decode()
    assert read_base64(text if padded else text.rstrip("=")) == value


def test_a_key_has_a_jwk_and_a_name_that_follows_from_it() -> None:
    """RFC 8037, A.2 and A.3."""
    key = Ed25519PublicKey.from_public_bytes(read_base64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
    assert thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert public_jwk(key, "k") == {
        "crv": "Ed25519",
        "kty": "OKP",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "k",
        "use": "sig",
    }
