"""A product as everything behind the import knows it: clean, with one unit for each kind of quantity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from garaza.furniture.quantities import minor_digits

MAX_ASIN_LETTERS = 32
MAX_TITLE_LETTERS = 500
MAX_BRAND_LETTERS = 100
MAX_CATEGORY_LETTERS = 100
MAX_DESCRIPTION_LETTERS = 5000
MAX_LIST_ENTRIES = 50
"""Of categories, images, bullet points, specifications."""
MAX_URL_LETTERS = 2000

TIERS = ("bronze", "silver", "gold")
"""Of sponsors, the least first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """See the module. Lengths are centimetres, weights kilograms, and of the product itself, not its package.

    What isn't known is None, or empty; no number is NaN or infinite, no text has control characters or is only blanks.
    """

    asin: str
    """`[A-Z0-9_-]`, at most 32 of them. What products are known by."""
    title: str
    brand: str | None = None
    price_minor: int | None = None
    """In the smallest unit of the currency: cents."""
    currency: str = "USD"
    """ISO 4217."""
    availability: str = ""
    """As a shop says it."""
    in_stock: bool | None = None
    stock_left: int | None = None
    """How many, where the shop says so."""
    categories: tuple[str, ...] = ()
    """From the widest to the narrowest."""
    url: str | None = None
    images: tuple[str, ...] = ()
    """Addresses: of elsewhere (https://…), or paths of this service."""
    width_cm: float | None = None
    """From left to right, for who stands in front of it."""
    depth_cm: float | None = None
    """From front to back; of what lies flat, its length."""
    height_cm: float | None = None
    weight_kg: float | None = None
    package_cm: tuple[float, float, float] | None = None
    """Edges, the longest first."""
    country: str | None = None
    """Of origin. ISO 3166-1 alpha-2."""
    colors: tuple[str, ...] = ()
    """Of the families that filters offer: `black`, `brown`, …"""
    color: str | None = None
    """As the catalogue says it."""
    materials: tuple[str, ...] = ()
    """Of the families that filters offer: `wood`, `walnut`, `leather`, … A kind of wood is wood, too."""
    material: str | None = None
    style: str | None = None
    description: str = ""
    about: tuple[str, ...] = ()
    specifications: dict[str, str] = field(default_factory=dict)
    sponsor_tier: str | None = None
    """One of TIERS; None: not sponsored."""

    @property
    def price(self) -> float | None:
        """In whole units of the currency: dollars."""
        return None if self.price_minor is None else self.price_minor / 10 ** minor_digits(self.currency)

    @property
    def text(self) -> str:
        """What is embedded: what it is first, since models read only so far."""
        parts = [
            self.title,
            self.brand or "",
            " > ".join(self.categories),
            self.color or " ".join(self.colors),
            self.material or " ".join(self.materials),
            self.style or "",
            " ".join(self.about),
            self.description,
        ]
        return ". ".join(part for part in parts if part)

    @property
    def text_hash(self) -> bytes:
        """Of `text`, 16 bytes: what has the same needs no embedding again."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).digest()


def key_of(name: str) -> str:
    """What brands and categories are compared by: no case, no doubled blanks."""
    return " ".join(name.casefold().split())
