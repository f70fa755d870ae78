"""Prices as they are written."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from garaza.furniture.quantities.units import simplified

MAX_PRICE_MINOR = 10**11

_SYMBOLS = {
    "us$": "USD", "usd$": "USD", "c$": "CAD", "ca$": "CAD", "cad$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "r$": "BRL", "mx$": "MXN", "nt$": "TWD", "€": "EUR", "£": "GBP", "¥": "JPY",
    "cn¥": "CNY", "₹": "INR", "₩": "KRW", "₺": "TRY", "₽": "RUB", "₫": "VND", "₴": "UAH", "₪": "ILS", "zł": "PLN",
    "元": "CNY",
}  # fmt: skip
_DOLLARS = frozenset(["USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD", "BRL", "ARS", "CLP", "COP"])
"""Where a bare $ may mean them."""
_MINOR_DIGITS = {
    **dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "PYG", "UGX"), 0),
    **dict.fromkeys(("KWD", "BHD", "JOD", "OMR", "TND", "LYD", "IQD"), 3),
}
CURRENCIES = frozenset([
    *_SYMBOLS.values(), *_DOLLARS, *_MINOR_DIGITS,
    *("CHF", "SEK", "NOK", "DKK", "CZK", "HUF", "RON", "BGN", "ZAR", "AED", "SAR", "QAR", "EGP", "MAD", "NGN", "KES"),
    *("THB", "MYR", "IDR", "PHP", "PKR", "BDT", "LKR", "PEN", "UYU", "GEL", "AMD", "AZN", "KZT", "RSD", "DZD", "GHS"),
])  # fmt: skip
"""ISO 4217, those that shops sell furniture in."""
_POINT_IS_DECIMAL = frozenset(
    ["USD", "GBP", "CAD", "AUD", "NZD", "JPY", "CNY", "INR", "HKD", "SGD", "MXN", "TWD", "KRW"]
)

_GROUPED = r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,2})?(?!\d)|\d{1,3}(?:[ '.,]\d{3})+(?:[.,]\d{1,2})?(?!\d)"
_AMOUNT = rf"{_GROUPED}|\d+(?:[.,]\d+)?|[.,]\d+"
_SYMBOL = r"us\$|usd\$|cad?\$|c\$|au?\$|nz\$|hk\$|mx\$|nt\$|[sr]\$|cn¥|[$€£¥₹₩₺₽₫₴₪元]|zł"
_CODE = "(?:" + "|".join(sorted(CURRENCIES)).lower() + ")(?![a-z])"
_PRICE = re.compile(
    rf"(?P<before>{_SYMBOL}|\b{_CODE})?\s*(?P<minus>-\s*)?(?P<amount>{_AMOUNT})(?!\d*e\d)\s*(?P<after>{_SYMBOL}|{_CODE})?"
)
_PLAIN_PRICE = re.compile(rf"(?:{_AMOUNT})(?:\s*(?:-|to)\s*(?:{_AMOUNT}))?")
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e\+?\d{1,2}")
"""As tables write floats."""
_LABEL = re.compile(r"^(?:price|from|now|only|sale)\s*:?\s*")


def minor_digits(currency: str) -> int:
    """How many digits the smallest unit has behind the point: 2 for cents, 0 for yen."""
    return _MINOR_DIGITS.get(currency, 2)


def price_minor(text: str, currency: str = "USD") -> tuple[int, str] | None:
    """A price in the smallest unit, and its currency (ISO 4217); of several the lowest.

    Args:
        currency: of a number without one; and which dollars a bare $ means.
    """
    plain = _LABEL.sub("", re.sub(r"\([^)]*\)", " ", simplified(text)).strip())
    if _SCIENTIFIC.fullmatch(plain):
        minor = in_minor(Decimal(plain), currency)
        return None if minor is None else (minor, currency)
    found = [match for match in _PRICE.finditer(plain) if match["before"] or match["after"]]
    if not found:
        if not _PLAIN_PRICE.fullmatch(plain):
            return None
        found = list(_PRICE.finditer(plain))
    prices: list[tuple[int, str]] = []
    for match in found:
        code = _currency(match["before"] or match["after"], currency)
        amount = _amount(match["amount"], code)
        # "39.99-59.99" is two of them, and "-5" none.
        negative = (match["minus"] or plain[: match.start()].endswith("-")) and not prices
        same = not prices or prices[0][1] == code
        if same and not negative and (minor := in_minor(amount, code)) is not None:
            prices.append((minor, code))
    return min(prices, default=None)


def in_minor(amount: Decimal | float, currency: str) -> int | None:
    """An amount in the smallest unit of its currency; None: it isn't a price."""
    number = amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
    if not number.is_finite() or not 0 < number < MAX_PRICE_MINOR:
        return None
    minor = int((number * 10 ** minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_UP))
    return minor if 0 < minor <= MAX_PRICE_MINOR else None


def currency_of(text: str) -> str | None:
    """ISO 4217 of a code or a sign."""
    plain = simplified(text).strip()
    code = plain.upper()
    if code in CURRENCIES:
        return code
    return "USD" if plain == "$" else _SYMBOLS.get(plain)


def _currency(sign: str | None, usual: str) -> str:
    if sign is None:
        return usual
    if sign == "$":
        return usual if usual in _DOLLARS else "USD"
    if sign == "¥":
        return usual if usual in {"JPY", "CNY"} else "JPY"
    return _SYMBOLS.get(sign) or sign.upper()


def _amount(text: str, currency: str) -> Decimal:
    """Of "1,299.00", "1.299,00", "1 299", "12,99": of both signs the last one is the decimal one."""
    text = text.replace(" ", "").replace("'", "")
    point, comma = text.rfind("."), text.rfind(",")
    last = max(point, comma)
    if last < 0:
        return Decimal(text)
    whole, sign, decimals = re.sub("[.,]", "", text[:last]), text[last], text[last + 1 :]
    only_groups = text.count(sign) > 1 or (len(decimals) == 3 and whole.lstrip("0") != "" and _groups(sign, currency))
    if only_groups and min(point, comma) < 0:
        return Decimal(whole + decimals)
    return Decimal(f"{whole or 0}.{decimals}")


def _groups(sign: str, currency: str) -> bool:
    """Whether three digits behind it are thousands."""
    return sign == "," or currency not in _POINT_IS_DECIMAL
