"""Names and passwords in the one form in which they are kept and compared."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import email_validator

from garaza.errors import GarazaError

MAX_EMAIL = 254
MAX_USERNAME = 50
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
_MAX_EMAIL_KEY = 254
_MAX_USERNAME_KEY = 150

# An address is only a name here: nothing is ever sent to it. So addresses of a home network are as good as any. The
# library keeps this list for its users to change.
for _domain in ("local", "localhost", "test"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)

# Letters that show nothing, beside the categories that are refused as a whole: Hangul fillers, the joiner of graphemes,
# Khmer inherent vowels, Mongolian and other variation selectors, the empty Braille pattern.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
# Control, format (bidi marks among them), surrogate, private and unassigned characters, and separators but the space.
_REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Name:
    """Something that an account is known by."""

    shown: str
    key: str
    """What is compared: two names with the same key are the same name."""


def email(text: str) -> Name:
    """An address, whose case means nothing.

    Raises:
        GarazaError: 422.
    """
    name = find_email(text)
    if name is None:
        raise GarazaError(422, "bad_email", "This is no e-mail address. It looks like name@example.com.")
    return name


def find_email(text: str) -> Name | None:
    """As `email`, but None for what is none."""
    text = text.strip()
    if len(text) > MAX_EMAIL or not _representable(text):
        return None
    try:
        found = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError:
        return None
    key = _key(found.normalized)
    if len(found.normalized) > MAX_EMAIL or len(key) > _MAX_EMAIL_KEY:
        return None
    return Name(found.normalized, key)


def username(text: str) -> Name:
    """A name to be seen by, of 1 to 50 characters, in which nothing is hidden.

    Raises:
        GarazaError: 422.
    """
    shown = " ".join(part for part in unicodedata.normalize("NFKC", text).strip().split(" ") if part)
    if not 1 <= len(shown) <= MAX_USERNAME:
        raise GarazaError(422, "bad_username", f"A username has 1 to {MAX_USERNAME} characters.")
    for letter in shown:
        category = unicodedata.category(letter)
        if category in _REFUSED or letter in _INVISIBLE or (category == "Zs" and letter != " "):
            raise GarazaError(422, "bad_username", "A username can't have characters in it that nobody can see.")
    key = _key(shown)
    if len(key) > _MAX_USERNAME_KEY:
        raise GarazaError(422, "bad_username", "This username is too long once its letters are spelt out.")
    return Name(shown, key)


def password(text: str) -> str:
    """A password as it is hashed: NFC, as in RFC 8265.

    Keyboards send the same letter composed or in pieces, and whoever types it sees no difference: that much has to
    be made equal. NFKC would also make equal what people see as different ("²" and "2"), and take strength away.

    Raises:
        GarazaError: 422 for one that is too short, too long, or no text.
    """
    composed = unicodedata.normalize("NFC", text)
    if not _representable(composed):
        raise GarazaError(422, "bad_password", "This password has characters in it that are none.")
    if not MIN_PASSWORD <= len(composed) <= MAX_PASSWORD or len(text) > MAX_PASSWORD:
        raise GarazaError(422, "bad_password", f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    return composed


def typed_password(text: str) -> str | None:
    """A password that somebody claims to be theirs, in the form that was hashed; None if it can't be anybody's."""
    try:
        return password(text)
    except GarazaError:
        return None


def _key(text: str) -> str:
    # Twice: folding the case can leave letters in pieces.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _representable(text: str) -> bool:
    """Whether databases take it: PostgreSQL refuses NUL, and nobody can encode half of a surrogate pair."""
    return "\0" not in text and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)
