"""Which column of a file is which field, by the many names that exports give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

MAX_COLUMNS = 1000
_MAX_NAME_LETTERS = 200

_NAMES = {
    "asin": "asin productasin itemasin sku productid itemid productcode articlenumber uniqid id",
    "title": "title producttitle name productname itemname itemtitle",
    "brand": "brand brandname productbrand manufacturer manufacturername vendor",
    "price": "price currentprice finalprice saleprice sellingprice buyboxprice productprice priceamount pricevalue "
    "listprice initialprice originalprice",
    "currency": "currency currencycode pricecurrency",
    "availability": "availability availabilitystatus stockstatus productavailability",
    "in_stock": "instock isinstock available isavailable",
    "stock_left": "stockleft stockquantity stocklevel quantityavailable stock inventory",
    "categories": "categories category categorypath categorytree breadcrumbs breadcrumb productcategory maincategory "
    "producttype",
    "url": "url producturl productlink link detailpageurl itemurl",
    "image": "image imageurl imgurl mainimage mainimageurl primaryimage primaryimageurl imagelink thumbnail "
    "thumbnailimage",
    "images": "images imageurls imgurls imagelinks productimages allimages additionalimages additionalimagelinks "
    "galleryimages highresolutionimages",
    "country": "countryoforigin country origin origincountry countryofmanufacture madein",
    "color": "color colour colorname colourname itemcolor productcolor framecolor colors colours",
    "material": "material materials materialtype itemmaterial productmaterial primarymaterial framematerial "
    "framematerialtype topmaterial topmaterialtype fabrictype upholsterymaterial upholsteryfabrictype",
    "style": "style stylename itemstyle furniturestyle designstyle",
    "description": "description productdescription longdescription fulldescription shortdescription",
    "about": "aboutitem aboutthisitem about bulletpoints bulletpoint bullets features featurebullets keyfeatures "
    "highlights",
    "specifications": "specifications specification specs productspecifications productdetails details attributes "
    "technicaldetails productinformation itemdetails additionalinformation productoverview",
    "sponsor_tier": "sponsortier sponsorlevel sponsorshiptier sponsorship",
    "sponsored": "issponsored sponsored",
    "size": "size itemsize",
    "updated": "updatedat lastupdated modifiedat lastmodified updated modified scrapedat timestamp",
}
"""By field, without capitals, blanks and signs; of several columns the one that is named first here counts more."""

_UNIT = r"(?P<unit>cm|mm|m|in|inch|inches|ft|feet)?"
_WHOSE = r"(?:item|product|assembled|assembledproduct|overall|total|net)?"
_PATTERNS = {
    "dimensions": rf"{_WHOSE}(?:dimensions?|measurements?)(?P<order>[lwdh]x?[lwdh](?:x?[lwdh])?)?{_UNIT}",
    "package_dimensions": rf"(?:package|packaged|packaging|shipping|box|carton)(?:item|product)?(?:dimensions?|size)"
    rf"(?P<order>[lwdh]x?[lwdh](?:x?[lwdh])?)?{_UNIT}",
    "width": rf"{_WHOSE}width{_UNIT}",
    "depth": rf"{_WHOSE}depth{_UNIT}",
    "height": rf"{_WHOSE}height{_UNIT}",
    "length": rf"{_WHOSE}length{_UNIT}",
    "weight": rf"{_WHOSE}weight(?P<unit>kg|kgs|g|grams?|lbs?|pounds?|oz|ounces?)?",
}
FIELDS = frozenset([*_NAMES, *_PATTERNS])
"""That a column may be."""

_BY_NAME = {name: (rank, field) for field, names in _NAMES.items() for rank, name in enumerate(names.split())}
_COMPILED = {field: re.compile(pattern) for field, pattern in _PATTERNS.items()}
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is known."""

    name: str
    """As the file has it."""
    unit: str | None = None
    """That its name says: `width_cm`."""
    order: str = ""
    """Of edges, that its name says: `LxWxH`."""


Columns = Mapping[str, tuple[Column, ...]]
"""By field, what counts most first."""


def squashed(name: str) -> str:
    """For comparing: `productDimensions`, `Product Dimensions` and `product_dimensions` are one."""
    return _SIGNS.sub("", name.casefold())


@lru_cache(maxsize=4096)
def field_of(name: str) -> tuple[str, Column, int] | None:
    """Of a column's name: its field, what the name says, and the rank among those of the same field."""
    plain = squashed(name)
    if known := _BY_NAME.get(plain):
        rank, field = known
        return field, Column(name), rank
    for field, pattern in _COMPILED.items():
        if found := pattern.fullmatch(plain):
            said = found.groupdict()
            return (
                field,
                Column(name, said.get("unit"), "x".join((said.get("order") or "").replace("x", ""))),
                0 if said.get("unit") else 1,
            )
    return None


def check_mapping(mapping: Mapping[str, str]) -> None:
    """See that it names fields.

    Raises:
        ValueError: with what a person may do about it.
    """
    for column, field in mapping.items():
        if squashed_field(field) is None and squashed_field(column) is None:
            msg = f"there is no field “{field[:64]}”. There are: {', '.join(sorted(FIELDS))}"
            raise ValueError(msg)


def squashed_field(name: str) -> str | None:
    """A field, however it is written."""
    plain = squashed(name)
    return next((field for field in FIELDS if squashed(field) == plain), None)


def columns_of(names: tuple[str, ...], mapping: Mapping[str, str] | None = None) -> Columns:
    """Which columns of a file are known.

    Args:
        mapping: columns and the fields that they are, either way round; they count before all others.
    """
    return _known_columns(names[:MAX_COLUMNS], tuple(sorted((mapping or {}).items())))


def columns_of_table(table: Mapping[str, str]) -> Columns:
    """The same of the names in a product's specifications, which are others for each product."""
    return _find_columns(tuple(table)[:MAX_COLUMNS], ())


@lru_cache(maxsize=128)
def _known_columns(names: tuple[str, ...], mapping: tuple[tuple[str, str], ...]) -> Columns:
    return _find_columns(names, mapping)


def _find_columns(names: tuple[str, ...], mapping: tuple[tuple[str, str], ...]) -> Columns:
    told: dict[str, str] = {}
    for one, other in mapping:
        if field := squashed_field(other):
            told[squashed(one)] = field
        elif field := squashed_field(one):
            told[squashed(other)] = field
    found: dict[str, list[tuple[int, int, Column]]] = {}
    for at, name in enumerate(names):
        if len(name) > _MAX_NAME_LETTERS:
            continue
        field = told.get(squashed(name))
        if field is not None:
            known = field_of(name)
            found.setdefault(field, []).append((-1, at, known[1] if known else Column(name)))
        elif known := field_of(name):
            field, column, rank = known
            found.setdefault(field, []).append((rank, at, column))
    return {field: tuple(column for _, _, column in sorted(some, key=_weight)) for field, some in found.items()}


def _weight(entry: tuple[int, int, Column]) -> tuple[int, int]:
    return entry[0], entry[1]
