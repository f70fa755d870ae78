"""Names and passwords in the form in which they are kept and compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.accounts import normalise
from garaza.errors import GarazaError


def refused(function: Callable[[str], Any], text: str) -> str:
    with pytest.raises(GarazaError) as caught:
        function(text)
    assert caught.value.status == 422
    return caught.value.code


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("anna@example.com", " Anna@EXAMPLE.com "),
        ("anna@example.com", "ａｎｎａ@example.com"),
        ("zoe\u0308@example.com", "zo\u00eb@example.com"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, same: str) -> None:
    assert normalise.email(one).key == normalise.email(same).key


def test_an_address_is_shown_as_it_was_given() -> None:
    assert normalise.email(" Anna@Example.COM").shown == "Anna@example.com"


@pytest.mark.parametrize("text", ["anna@localhost", "anna@nas.local", "a@home.test", "anna@nas", "a@192.168.1.2"])
def test_addresses_of_a_home_network_are_as_good_as_any(text: str) -> None:
    assert normalise.email(text).key == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "@example.com",
        "a@@example.com",
        "a@example.com\0",
        "a\0@example.com",
        "\ud800@example.com",
        "a b@example.com",
        "a@[127.0.0.1]",
        '"a"@example.com, b@example.com',
        "Anna <a@example.com>",
        "a@\u202eexample.com",
        "a" * 250 + "@example.com",
        "a@" + "b" * 260 + ".example",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refused(normalise.email, text) == "bad_email"
    assert normalise.find_email(text) is None


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("Anna", "aNNA"),
        ("Anna Maria", "  anna   MARIA "),
        ("Stra\u00dfe", "STRASSE"),
        ("\ufb01n", "FIN"),
        ("Zoe\u0308", "ZO\u00cb"),
        ("a\u00a0b", "a b"),
    ],
)
def test_spellings_of_one_username_have_one_key(one: str, same: str) -> None:
    assert normalise.username(one).key == normalise.username(same).key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a" * 51,
        "a\0b",
        "a\nb",
        "a\u202eb",
        "a\u200bb",
        "a\u2028b",
        "a\ud800b",
        "a\ue000b",
        "\u3164",
        "anna\ufe0f",
        "a\u1680b",
    ],
)
def test_what_is_no_username_is_refused(text: str) -> None:
    assert refused(normalise.username, text) == "bad_username"


def test_lengths_of_usernames_are_counted_in_characters_after_normalising() -> None:
    assert len(normalise.username("\U0001f600" * 50).shown) == 50
    assert refused(normalise.username, "\ufdfa" * 3) == "bad_username"


@pytest.mark.parametrize("length", [8, 1024])
def test_passwords_may_be_this_long(length: int) -> None:
    assert normalise.password("x" * length) == "x" * length


@pytest.mark.parametrize("text", ["x" * 7, "x" * 1025, "", "e\u0301" * 7, "a\0bcdefgh", "abcdefgh\ud800"])
def test_passwords_may_not_be_like_this(text: str) -> None:
    assert refused(normalise.password, text) == "bad_password"
    assert normalise.typed_password(text) is None


def test_a_password_is_the_same_from_any_keyboard_and_no_weaker_for_it() -> None:
    assert normalise.password("cafe\u0301 cafe\u0301") == normalise.password("caf\u00e9 caf\u00e9")
    assert normalise.password("x\u00b2x\u00b2x\u00b2x\u00b2") != normalise.password("x2x2x2x2")
    assert normalise.password(" spaces ") == " spaces "


@given(st.text(max_size=60))
def test_whatever_is_a_username_fits_and_means_the_same_again(text: str) -> None:
    try:
        name = normalise.username(text)
    except GarazaError:
        return
    assert 1 <= len(name.shown) <= 50
    assert 1 <= len(name.key) <= 150
    assert normalise.username(name.shown) == name
    assert normalise.username(name.key).key == name.key
    assert unicodedata.is_normalized("NFKC", name.key)
    assert not any("A" <= letter <= "Z" for letter in name.key)


@given(st.emails() | st.text(max_size=40).map(lambda text: f"{text}@example.com"))
def test_whatever_is_an_address_fits_and_means_the_same_again(text: str) -> None:
    name = normalise.find_email(text)
    if name is not None:
        assert len(name.shown) <= 254
        assert len(name.key) <= 254
        again = normalise.find_email(name.shown)
        assert again is not None
        assert again.key == name.key


@given(st.text(st.characters(), max_size=1100))
def test_whatever_is_a_password_is_one_again_and_can_be_encoded(text: str) -> None:
    found = normalise.typed_password(text)
    if found is not None:
        assert len(found.encode()) <= 4 * 3 * 1024
        assert normalise.typed_password(found) == found
