"""From a row of any export to a product: what can be mended is, and a row is lost only without an ASIN or a title."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from garaza.furniture.intake.addresses import web_address
from garaza.furniture.intake.availability import MAX_STOCK, stock_of
from garaza.furniture.intake.cells import Cells
from garaza.furniture.intake.columns import columns_of, columns_of_table
from garaza.furniture.intake.notes import FileRow, Note, note, quoted
from garaza.furniture.intake.sizes import sizes_of
from garaza.furniture.intake.values import (
    has_html,
    is_missing,
    line_of,
    lines_of_html,
    number_of,
    plain,
    raw_text,
    table_of,
)
from garaza.furniture.places import country_of
from garaza.furniture.products import (
    MAX_ASIN_LETTERS,
    MAX_BRAND_LETTERS,
    MAX_CATEGORY_LETTERS,
    MAX_DESCRIPTION_LETTERS,
    MAX_LIST_ENTRIES,
    MAX_TITLE_LETTERS,
    TIERS,
    Product,
    key_of,
)
from garaza.furniture.quantities import currency_of, in_minor, price_minor
from garaza.furniture.words import color_families, material_families

__all__ = ["Note", "Parsed", "parse_row"]

MAX_PHRASE_LETTERS = 200
"""Of a colour, a material, a style, an availability."""
MAX_BULLET_LETTERS = 1000
MAX_NAME_LETTERS = 100
"""Of a specification."""
MAX_VALUE_LETTERS = 500

_ASIN = re.compile(rf"[A-Z0-9_-]{{1,{MAX_ASIN_LETTERS}}}")
_ASIN_IN_URL = re.compile(r"/(?:dp|gp/product|gp/aw/d|asin)/([A-Za-z0-9]{10})(?=[/?#]|$)", re.IGNORECASE)
_STORE = re.compile(
    r"^(?:visit\s+the\s+(?P<visited>.+?)(?:\s+store)?|brand\s*[:\uff1a]\s*(?P<named>.+))$", re.IGNORECASE
)
_ENDS_STORE = re.compile(r"(?<=\S)\s+store$", re.IGNORECASE)
_PATH_SIGNS = (" > ", ">", "›", "»", "→", "|", ";", "\n", " / ")
_BULLET = re.compile(r"[\n|•●▪✔✅]+")
_BETWEEN_ADDRESSES = re.compile(r"[|;\s]+|,(?=\s*(?:https?:)?//)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of a row. No product: it was refused, and a note says why."""

    product: Product | None
    notes: tuple[Note, ...] = ()


def parse_row(row: Mapping[str, object], mapping: Mapping[str, str] | None = None) -> Parsed:
    """The product in a row, whatever the row has. Never raises.

    Args:
        row: by column. Values are texts, or what readers of JSON and Parquet give.
        mapping: columns and the fields that they are, where their names alone don't say it.
    """
    try:
        return _Row(row, mapping).read()
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError) as error:
        # A value that nobody thought of costs a row, and not the other million.
        return Parsed(None, (note("refused", "row", f"it can't be read: {type(error).__name__}"),))


class _Row:
    def __init__(self, row: Mapping[str, object], mapping: Mapping[str, str] | None) -> None:
        self.notes: dict[Note, None] = dict.fromkeys(row.notes) if isinstance(row, FileRow) else {}
        names = tuple(name for name in row if isinstance(name, str))
        self.cells = Cells(row, columns_of(names, mapping), self.notes)
        self.table = self._specifications()
        self.said = Cells(self.table, columns_of_table(self.table), self.notes)

    def read(self) -> Parsed:
        asin = self._asin()
        title = self.cells.line("title", MAX_TITLE_LETTERS)
        if not any(letter.isalnum() for letter in title):
            title = ""
            self._refuse("title", "there is none: a product without a name can't be shown or found")
        if not asin or not title:
            # What was mended before is of no use to anybody now.
            return Parsed(None, tuple(one for one in self.notes if one.kind == "refused"))
        return Parsed(self._product(asin, title), tuple(self.notes))

    def _product(self, asin: str, title: str) -> Product:
        categories = self._categories()
        sizes = sizes_of(self.cells, self.said, title, " ".join((title, *categories)))
        price, currency = self._price()
        availability, in_stock, stock_left = self._stock()
        color, material = self._phrase("color"), self._phrase("material")
        return Product(
            asin=asin,
            title=title,
            brand=self._brand(),
            price_minor=price,
            currency=currency,
            availability=availability,
            in_stock=in_stock,
            stock_left=stock_left,
            categories=categories,
            url=self._url(),
            images=self._images(),
            width_cm=sizes.width_cm,
            depth_cm=sizes.depth_cm,
            height_cm=sizes.height_cm,
            weight_kg=sizes.weight_kg,
            package_cm=sizes.package_cm,
            country=self._country(),
            colors=color_families(color or "", stated=True) or color_families(title),
            color=color,
            materials=material_families(material or "", stated=True) or material_families(title),
            material=material,
            style=self._phrase("style"),
            description=self.cells.line("description", MAX_DESCRIPTION_LETTERS),
            about=self._about(),
            specifications=self.table,
            sponsor_tier=self._tier(),
        )

    def _refuse(self, field: str, reason: str) -> None:
        self.notes[note("refused", field, reason)] = None

    def _asin(self) -> str | None:
        for _, text in self.cells.texts("asin"):
            asin = text.strip(" \t\r\n\"'=\ufeff")
            if asin.isascii() and _ASIN.fullmatch(asin.upper()):
                return asin.upper()
            self._refuse("asin", f"{quoted(text)} is none: letters A to Z, digits, - and _, {MAX_ASIN_LETTERS} at most")
            return None
        for _, text in self.cells.texts("url"):
            if found := _ASIN_IN_URL.search(text):
                self.cells.mended("asin", "there is none: it was taken from the address")
                return found[1].upper()
        self._refuse("asin", "there is none: products are known by it")
        return None

    def _phrase(self, field: str) -> str | None:
        """Of the row, else of the specifications."""
        limit = MAX_PHRASE_LETTERS
        return self.cells.line(field, limit) or self.said.line(field, limit) or None

    def _brand(self) -> str | None:
        for some in (self.cells, self.said):
            for _, value in some.of("brand"):
                line = line_of(value)
                if found := _STORE.match(line):
                    line = found["visited"] or found["named"]
                name = _ENDS_STORE.sub("", line).strip()
                if name and not is_missing(name):
                    return some.cut("brand", name, MAX_BRAND_LETTERS)
        return None

    def _price(self) -> tuple[int | None, str]:
        currency = self._currency()
        refused = None
        for _, value in self.cells.of("price"):
            found = _price_of(value, currency)
            if found is not None:
                return found
            text = raw_text(value)
            refused = refused or (text or None)
        if refused:
            self.cells.mended("price", f"{quoted(refused)} is no price: it was left out")
        return None, currency

    def _currency(self) -> str:
        for _, text in self.cells.texts("currency"):
            if known := currency_of(text):
                return known
            self.cells.mended("currency", f"{quoted(text)} isn't known: taken as USD")
        return "USD"

    def _stock(self) -> tuple[str, bool | None, int | None]:
        availability, in_stock, left = "", None, None
        for _, value in self.cells.of("availability"):
            if isinstance(value, bool):
                availability, in_stock = ("In stock" if value else "Out of stock"), value
            elif line := self.cells.clean("availability", value, MAX_PHRASE_LETTERS):
                availability = line
                in_stock, left = stock_of(line)
            break
        for _, text in self.cells.texts("in_stock"):
            told, count = stock_of(text)
            in_stock = in_stock if told is None else told
            left = count if left is None and count != 1 else left
        for _, value in self.cells.of("stock_left"):
            number = number_of(value)
            told, count = stock_of(raw_text(value)) if number is None or number >= 0 else (None, None)
            if left is None and count is not None:
                in_stock, left = told if in_stock is None else in_stock, count
        return availability, in_stock, left if left is None or left <= MAX_STOCK else None

    def _categories(self) -> tuple[str, ...]:
        entries = self.cells.entries("categories", _split_path)
        first = plain(entries[0]) if entries else None
        if isinstance(first, (list, tuple)):
            # Several paths: the first is where the shop shows it.
            entries = list(first)
        names: dict[str, str] = {}
        for entry in entries:
            # A list of one may be a whole path; of several each is a name, whatever signs it has.
            for part in _split_path(raw_text(entry)) if len(entries) == 1 else (raw_text(entry),):
                name = self.cells.clean("categories", part, MAX_CATEGORY_LETTERS)
                if name and key_of(name):
                    names.setdefault(key_of(name), name)
        return self.cells.bounded("categories", list(names.values()), MAX_LIST_ENTRIES)

    def _url(self) -> str | None:
        for _, value in self.cells.of("url"):
            if address := _address(value):
                return address
            self.cells.mended("url", "it is no web address that may be shown: it was left out")
        return None

    def _images(self) -> tuple[str, ...]:
        found: list[str] = []
        bad = 0
        for field in ("image", "images"):
            for entry in self.cells.entries(field, _split_addresses):
                if address := _address(entry):
                    found.append(address)
                else:
                    bad += bool(line_of(entry))
        if bad:
            self.cells.mended("images", f"{bad} of the addresses may not be shown: left out")
        return self.cells.bounded("images", found, MAX_LIST_ENTRIES)

    def _country(self) -> str | None:
        for some in (self.cells, self.said):
            for _, text in some.texts("country"):
                if country := country_of(text):
                    return country
                some.mended("country", f"{quoted(text)} is no country that is known: it was left out")
        return None

    def _about(self) -> tuple[str, ...]:
        bullets = [
            bullet
            for entry in self.cells.entries("about", _split_bullets)
            if (bullet := self.cells.clean("about", entry, MAX_BULLET_LETTERS))
        ]
        return self.cells.bounded("about", bullets, MAX_LIST_ENTRIES)

    def _specifications(self) -> dict[str, str]:
        for _, value in self.cells.of("specifications"):
            if table := table_of(value):
                break
            if text := raw_text(value):
                self.cells.mended("specifications", f"{quoted(text)} has no names and values: it was left out")
        else:
            return {}
        if len(table) > MAX_LIST_ENTRIES:
            self.cells.mended("specifications", f"more than {MAX_LIST_ENTRIES} entries: the rest was left out")
        return {
            self.cells.cut("specifications", name, MAX_NAME_LETTERS): self.cells.cut(
                "specifications", text, MAX_VALUE_LETTERS
            )
            for name, text in list(table.items())[:MAX_LIST_ENTRIES]
        }

    def _tier(self) -> str | None:
        for _, text in self.cells.texts("sponsor_tier"):
            words = re.findall(r"[a-z]+", text.casefold())
            if tier := next((tier for tier in TIERS if tier in words), None):
                return tier
            if words and not {"no", "false", "not", "free"} & set(words):
                self.cells.mended("sponsor_tier", f"{quoted(text)} is none of {', '.join(TIERS)}: it was left out")
            return None
        for _, text in self.cells.texts("sponsored"):
            if text.strip().casefold() in {"true", "yes", "1", "y"}:
                self.cells.mended("sponsor_tier", f"sponsored, but not how: taken as {TIERS[0]}")
                return TIERS[0]
        return None


def _price_of(value: object, currency: str) -> tuple[int, str] | None:
    number = number_of(value)
    if number is not None:
        minor = in_minor(number, currency)
        return None if minor is None else (minor, currency)
    if isinstance(value, Mapping):
        currency = currency_of(raw_text(value.get("currency"))) or currency
        amount = next((value[name] for name in ("value", "amount", "price", "current") if name in value), None)
        return None if isinstance(plain(amount), Mapping) else _price_of(amount, currency)
    return price_minor(line_of(value), currency)


def _address(value: object) -> str | None:
    # Not as HTML: of "?a=1&copy=2" only a browser's address bar makes the right thing.
    return web_address(raw_text(value).replace("&amp;", "&"))


def _split_path(text: str) -> Iterable[str]:
    if has_html(text):
        return [text]
    text = html.unescape(text)
    sign = next((sign for sign in _PATH_SIGNS if sign in text), None)
    return [text] if sign is None else text.split(sign)


def _split_bullets(text: str) -> Iterable[str]:
    return _BULLET.split(html.unescape(lines_of_html(text)))


def _split_addresses(text: str) -> Iterable[str]:
    return _BETWEEN_ADDRESSES.split(text.replace("&amp;", "&").strip())
