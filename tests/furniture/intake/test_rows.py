"""Dirty rows become clean products, or are refused with a reason."""

import dataclasses
import datetime as dt
import decimal
import json
import math
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garaza.furniture.intake.columns import FIELDS, check_mapping
from garaza.furniture.intake.rows import Parsed, parse_row
from garaza.furniture.products import (
    MAX_BRAND_LETTERS,
    MAX_CATEGORY_LETTERS,
    MAX_DESCRIPTION_LETTERS,
    MAX_LIST_ENTRIES,
    MAX_TITLE_LETTERS,
    MAX_URL_LETTERS,
    TIERS,
    Product,
)

EXPORTED = {
    "asin": " b0abc12345 ",
    "url": "https://shop.example/dp/B0ABC12345?th=1&amp;psc=1",
    "title": "Accent Chair, Faux Leather &amp; Walnut Finish Legs\n",
    "brand": "Visit the Nordhus Store",
    "price": "$53.99",
    "availability": "Only 4 left in stock - order soon.",
    "categories": "['Home & Kitchen', 'Furniture ', ' Chairs']",
    "images": "['https://img.example/1.jpg', 'https://img.example/2.jpg', 'https://img.example/1.jpg']",
    "package_dimensions": "20 x 30 x 25 inches; 40 Pounds",
    "product_dimensions": '31.5"D x 22"W x 35"H',
    "country_of_origin": "Made in Viet Nam",
    "color": "Espresso",
    "material": "Faux Leather, Metal",
    "style": "Mid-Century",
    "description": "Soft.  And\tdeep.",
    "about_item": "['Soft: yes', \"It's good\"]",
    "specifications": "{'Item Weight': '23.5 pounds', 'Color': 'Brown', 'Seats': nan}",
    "sponsor_tier": "Gold",
    "currency": "usd",
}


def test_a_row_of_an_export_becomes_a_product():
    parsed = parse_row(EXPORTED)

    assert parsed == Parsed(
        Product(
            asin="B0ABC12345",
            title="Accent Chair, Faux Leather & Walnut Finish Legs",
            brand="Nordhus",
            price_minor=5399,
            currency="USD",
            availability="Only 4 left in stock - order soon.",
            in_stock=True,
            stock_left=4,
            categories=("Home & Kitchen", "Furniture", "Chairs"),
            url="https://shop.example/dp/B0ABC12345?th=1&psc=1",
            images=("https://img.example/1.jpg", "https://img.example/2.jpg"),
            width_cm=55.88,
            depth_cm=80.01,
            height_cm=88.9,
            weight_kg=10.659,
            package_cm=(76.2, 63.5, 50.8),
            country="VN",
            colors=("brown",),
            color="Espresso",
            materials=("faux leather", "metal"),
            material="Faux Leather, Metal",
            style="Mid-Century",
            description="Soft. And deep.",
            about=("Soft: yes", "It's good"),
            specifications={"Item Weight": "23.5 pounds", "Color": "Brown"},
            sponsor_tier="gold",
        )
    )


def product_of(**cells: object) -> Product:
    parsed = parse_row({"asin": "A1", "title": "Thing", **cells})
    assert parsed.product is not None
    return parsed.product


def mended(**cells: object) -> list[str]:
    return [note.field for note in parse_row({"asin": "A1", "title": "Thing", **cells}).notes if note.kind == "mended"]


@pytest.mark.parametrize("name", ["product_dimensions", "Product Dimensions", "productDimensions", "ITEM-DIMENSIONS"])
def test_columns_are_known_by_many_names(name):
    assert product_of(**{name: "60 x 40 x 75 cm"}).width_cm == 60


def test_a_mapping_says_what_names_do_not():
    row = {"Artikel": "a1", "Was": "Stuhl", "title": "wrong"}

    for mapping in ({"Artikel": "asin", "Was": "title"}, {"asin": "Artikel", "title": "Was"}):
        parsed = parse_row(row, mapping)
        assert parsed.product is not None
        assert (parsed.product.asin, parsed.product.title) == ("A1", "Stuhl")


def test_a_mapping_to_no_field_is_told():
    check_mapping({"Artikel": "asin", "Maße": "Package Dimensions"})
    with pytest.raises(ValueError, match="no field “nonsense”"):
        check_mapping({"Artikel": "nonsense"})


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ({}, {"asin", "title"}),
        ({"asin": "A1"}, {"title"}),
        ({"asin": "A1", "title": "  "}, {"title"}),
        ({"asin": "A1", "title": "—"}, {"title"}),
        ({"asin": "A1", "title": "<b></b>"}, {"title"}),
        ({"asin": "A1", "title": math.nan}, {"title"}),
        ({"asin": None, "title": "T"}, {"asin"}),
        ({"asin": "N/A", "title": "T"}, {"asin"}),
        ({"asin": "A 1", "title": "T"}, {"asin"}),
        ({"asin": "Ä1", "title": "T"}, {"asin"}),
        ({"asin": "A" * 33, "title": "T"}, {"asin"}),
        ({"asin": "../etc", "title": "T"}, {"asin"}),
        ({"asin": 1.5, "title": "T"}, {"asin"}),
    ],
)
def test_rows_without_an_asin_or_a_title_are_refused(row, fields):
    parsed = parse_row(row)

    assert parsed.product is None
    assert {(note.kind, note.field) for note in parsed.notes} == {("refused", field) for field in fields}


def test_an_asin_is_found_in_the_address():
    parsed = parse_row({"title": "T", "url": "https://shop.example/a-chair/dp/b0abc12345/ref=x"})

    assert parsed.product is not None
    assert parsed.product.asin == "B0ABC12345"
    assert [note.field for note in parsed.notes] == ["asin"]


@pytest.mark.parametrize(
    ("brand", "kept"),
    [
        ("Visit the Nordhus Store", "Nordhus"),
        ("Nordhus Store", "Nordhus"),
        ("Brand: Nordhus", "Nordhus"),
        ("The Store", "The"),
        ("Store", "Store"),
        ("Storebror", "Storebror"),
        ("NaN", None),
        (b"Nordhus", "Nordhus"),
        ({"name": "Nordhus"}, "Nordhus"),
    ],
)
def test_brands_lose_what_shops_say_around_them(brand, kept):
    assert product_of(brand=brand).brand == kept


@pytest.mark.parametrize(
    ("text", "in_stock", "left"),
    [
        ("In Stock", True, None),
        ("In stock.", True, None),
        ("https://schema.org/InStock", True, None),
        ("Only 4 left in stock - order soon.", True, 4),
        ("12 available", True, 12),
        ("17", True, 17),
        ("Usually ships within 3 days", True, None),
        (True, True, None),
        ("Currently unavailable", False, None),
        ("Out of Stock", False, None),
        ("OutOfStock", False, None),
        ("Temporarily out of stock. Only 3 left in stock", False, None),
        ("In stock on May 3", False, None),
        ("sold out", False, None),
        ("0", False, 0),
        (0, False, 0),
        (False, False, None),
        ("", None, None),
        ("n/a", None, None),
        ("See the seller", None, None),
        ("99999999999 left", None, None),
    ],
)
def test_shops_say_in_many_ways_what_is_in_stock(text, in_stock, left):
    product = product_of(availability=text)

    assert (product.in_stock, product.stock_left) == (in_stock, left)


def test_stock_has_columns_of_its_own():
    assert product_of(in_stock="false").in_stock is False
    assert product_of(in_stock=1).in_stock is True
    assert (product_of(stock=7).in_stock, product_of(stock=7).stock_left) == (True, 7)
    assert product_of(stock=-1).stock_left is None


@pytest.mark.parametrize(
    "value",
    [
        "['Home', 'Living Room', 'Chairs']",
        '["Home", "Living Room", "Chairs"]',
        "[ 'Home' ,'Living Room', 'Chairs' , nan ]",
        "['Home' 'Living Room'\n 'Chairs']",
        "array(['Home', 'Living Room', 'Chairs'], dtype=object)",
        "Home > Living Room > Chairs",
        "Home &gt; Living Room &gt; Chairs",
        "Home|Living Room | Chairs",
        "Home;Living Room;Chairs",
        "Home › Living Room › Chairs",
        "['Home > Living Room > Chairs']",
        "[['Home', 'Living Room', 'Chairs'], ['Sale']]",
        "['Home', 'home', 'Living Room', 'Chairs'",
        ["Home", " Living  Room", None, "Chairs", math.nan],
        ("Home", "Living Room", "Chairs"),
        [{"name": "Home"}, {"name": "Living Room"}, {"name": "Chairs"}],
    ],
)
def test_lists_are_written_in_many_ways(value):
    assert product_of(categories=value).categories == ("Home", "Living Room", "Chairs")


def test_lists_may_be_those_of_numpy():
    assert product_of(categories=np.array(["Home", "Chairs"])).categories == ("Home", "Chairs")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Home &amp; Kitchen &gt; Chairs", ("Home & Kitchen", "Chairs")),
        ("['Home &amp; Kitchen', 'Sofas / Couches', 'A > B']", ("Home & Kitchen", "Sofas / Couches", "A > B")),
        (["Home &amp; Kitchen"], ("Home & Kitchen",)),
        ("Tables, Chairs & Sets", ("Tables, Chairs & Sets",)),
    ],
)
def test_signs_within_names_part_nothing(value, names):
    assert product_of(categories=value).categories == names


def test_entities_part_no_address_and_no_bullet():
    product = product_of(
        images="https://a.example/1.jpg?x=1&amp;y=2|https://a.example/2.jpg",
        about="Soft &amp; deep • For 2&#39;s",
        specifications="Fill: down &amp; foam; Seats: 2",
    )

    assert product.images == ("https://a.example/1.jpg?x=1&y=2", "https://a.example/2.jpg")
    assert product.about == ("Soft & deep", "For 2's")
    assert product.specifications == {"Fill": "down & foam", "Seats": "2"}


@pytest.mark.parametrize(
    "value",
    [
        "{'Colour': 'Black', 'Seats': '2'}",
        '{"Colour": "Black", "Seats": 2}',
        "Colour: Black | Seats: 2",
        "Colour: Black; Seats: 2",
        {"Colour": "Black", "Seats": 2, "Empty": None},
        [{"name": "Colour", "value": "Black"}, {"name": "Seats", "value": 2}],
        [["Colour", "Black"], ["Seats", 2]],
        ["Colour: Black", "Seats: 2"],
    ],
)
def test_tables_are_written_in_many_ways(value):
    product = product_of(specifications=value)

    assert product.specifications == {"Colour": "Black", "Seats": "2"}
    assert (product.color, product.colors) == ("Black", ("black",))


def test_nothing_is_evaluated():
    product = product_of(categories="[__import__('os').getcwd()]", specifications="{'a': exit()}")

    assert product.categories == ("__import__('os').getcwd()",)
    assert product.specifications.get("a") != ""


@pytest.mark.parametrize(
    "text", ["[" * 50_000 + "]", "[" + "-" * 15_000 + "1]", "[" + "[1]," * 40_000 + "]", "{" * 90 + "}" * 90]
)
def test_lists_that_are_traps_are_only_text(text):
    for column in ("categories", "images", "about_item", "specifications", "title"):
        assert parse_row({"asin": "A1", "title": "T", column: text}) is not None


def test_what_a_column_does_not_say_the_specifications_do():
    product = product_of(
        color=math.nan,
        specifications={
            "Item Dimensions  D x W x H": '20"D x 30"W x 40"H',
            "Item Weight": "10 kg",
            "Brand": "Nordhus",
            "Color": "Black Walnut",
            "Material Type": "Engineered Wood",
            "Country of Origin": "USA",
            "Style": "Rustic",
            "Package Dimensions": "10 x 20 x 30 cm",
        },
    )

    assert (product.depth_cm, product.width_cm, product.height_cm) == (50.8, 76.2, 101.6)
    assert (product.weight_kg, product.brand, product.country, product.style) == (10, "Nordhus", "US", "Rustic")
    assert (product.color, product.materials) == ("Black Walnut", ("engineered wood", "wood"))
    assert product.package_cm == (30, 20, 10)


def test_a_title_says_the_rest():
    product = product_of(title='Walnut Coffee Table, Black, 47.2" x 23.6"')

    assert (product.width_cm, product.depth_cm) == (119.89, 59.94)
    assert (product.colors, product.color) == (("black",), None)
    assert (product.materials, product.material) == (("walnut", "wood"), None)


@pytest.mark.parametrize(
    ("title", "size"),
    [
        ("Writing Desk", (139.95, 50.04)),
        ("Sofa bed", (139.95, 50.04)),
        ("Area Rug", (50.04, 139.95)),
        ("Bed frame with shelf", (50.04, 139.95)),
        ("Thing", (50.04, 139.95)),
    ],
)
def test_a_length_is_from_left_to_right_of_what_stands(title, size):
    product = product_of(title=title, dimensions='55.1"L x 19.7"W')

    assert (product.width_cm, product.depth_cm) == size


def test_edges_have_columns_of_their_own():
    product = product_of(width_cm=60, **{"Item Depth (inches)": "20"}, height="75 cm", weight_lbs=10)

    assert (product.width_cm, product.depth_cm, product.height_cm) == (60, 50.8, 75)
    assert product.weight_kg == 4.536


@pytest.mark.parametrize("name", ["item_dimensions_DxWxH_cm", "Item Dimensions  D x W x H (cm)", "dimensions_dwh_cm"])
def test_the_name_of_a_column_says_the_order_and_the_unit(name):
    product = product_of(**{name: "40 x 60 x 75"})

    assert (product.width_cm, product.depth_cm, product.height_cm) == (60, 40, 75)


@pytest.mark.parametrize(
    "dimensions",
    [
        {"width": 60, "depth": 40, "height": 75, "unit": "cm"},
        {"width": {"value": 60, "unit": "cm"}, "depth": {"value": 40, "unit": "cm"}, "height": "75 cm"},
        "60&quot;",
    ],
)
def test_sizes_may_be_tables(dimensions):
    product = product_of(dimensions=dimensions)

    expected = (60, 40, 75) if isinstance(dimensions, dict) else (None, None, None)
    assert (product.width_cm, product.depth_cm, product.height_cm) == expected


@pytest.mark.parametrize(
    ("price", "minor"),
    [
        (53.99, 5399),
        ("53.99", 5399),
        (decimal.Decimal("53.99"), 5399),
        (np.float64(53.99), 5399),
        (np.int64(53), 5300),
        ({"value": 53.99, "currency": "USD"}, 5399),
        ("$53.99&nbsp;", 5399),
        (math.nan, None),
        (math.inf, None),
        (-1, None),
        (10**400, None),
        (True, None),
    ],
)
def test_prices_are_of_many_kinds(price, minor):
    assert product_of(price=price).price_minor == minor


def test_what_a_column_is_worth_less_than_another_fills_in():
    assert product_of(list_price="$99", price="").price_minor == 9900
    assert product_of(list_price="$99", price="$79").price_minor == 7900


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"price": "call us"}, "price"),
        ({"price": "$0"}, "price"),
        ({"currency": "gold coins"}, "currency"),
        ({"dimensions": "60 x 40 x 75"}, "dimensions"),
        ({"width": "12"}, "width"),
        ({"weight": "heavy"}, "weight"),
        ({"package_dimensions": "large"}, "package_dimensions"),
        ({"country": "Narnia"}, "country"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"images": "['https://a.example/1.jpg', 'data:image/png;base64,xyz']"}, "images"),
        ({"description": "<p>x</p>"}, "description"),
        ({"description": "x\0y"}, "description"),
        ({"description": "x" * 5001}, "description"),
        ({"brand": "x" * 101}, "brand"),
        ({"about": ["x" * 1001]}, "about"),
        ({"about": [str(n) for n in range(51)]}, "about"),
        ({"specifications": "nothing here"}, "specifications"),
        ({"specifications": {str(n): "x" for n in range(51)}}, "specifications"),
        ({"sponsor_tier": "diamond"}, "sponsor_tier"),
        ({"is_sponsored": "true"}, "sponsor_tier"),
    ],
)
def test_what_was_mended_is_told(cells, field):
    assert mended(**cells) == [field]


def test_what_is_only_missing_is_not_told():
    assert mended(price="", color="N/A", images="[]", weight=None, sponsor_tier="none", country=math.nan) == []


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://shop.example/a?b=1&copy=2", "https://shop.example/a?b=1&copy=2"),
        ("//img.example/1.jpg", "https://img.example/1.jpg"),
        ("www.shop.example/a", "https://www.shop.example/a"),
        (" HTTPS://shop.example ", "HTTPS://shop.example"),
        ("https://shop.example/Stühle", "https://shop.example/St%C3%BChle"),
        ("https://user:secret@shop.example/", None),
        ("https://shop.example\\@evil.example/", None),
        ("https://shop.example/\r\nSet-Cookie: a", None),
        ("ftp://shop.example", None),
        ("javascript:alert(1)", None),
        ("https:///nowhere", None),
        ("https://[::1", None),
        ("https://shop.example:99999/", None),
        ("https://shop.example/" + "x" * 2000, None),
        ("/etc/passwd", None),
    ],
)
def test_only_web_addresses_are_kept(given_url, kept):
    assert product_of(url=given_url).url == kept
    assert product_of(images=[given_url]).images == ((kept,) if kept else ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<p>Soft<br/>and <b>deep</b></p>", "Soft and deep"),
        ("a<script>var x = '<p>'</script >b<STYLE>p {}</style>c<!-- no -->d", "a b c d"),
        ("a<script>b", "a b"),
        ("a<!-- b<!-- c", "a<!-- b<!-- c"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("<script>" * 20_000 + "x", "x"),
    ],
)
def test_html_becomes_its_words(text, words):
    assert product_of(description=text).description == words


def test_notes_name_no_secret():
    parsed = parse_row(
        {"asin": "A1", "title": "T", "url": "https://user:hunter2@shop.example/", "image": "ftp://a:hunter2@b"}
    )

    assert len(parsed.notes) == 2
    assert "hunter2" not in str(parsed.notes)


# Anything at all ------------------------------------------------------------------------------------------------------

DIRT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=20),
    st.decimals(),
    st.dates(),
    st.sampled_from([
        *("nan", "[nan]", "['a', 'b'", "{'a': nan}", "[1, [2, [3]]]", "<p>x</p>", "&lt;b&gt;", "\ud800", "a\0b"),
        *("\u202ex", "$1e999", "-5 x 3 in", '1/0"W', "9" * 500, "x" * 6000, "https://a:b@c/", "//x", "[" * 300),
        *("https://a.example/ b", 10**400, float("inf"), np.float32("nan"), np.array([1.5, np.nan]), np.str_("x")),
        *(object(), dt.time(1), {1, 2}),
    ]),
)  # fmt: skip
NESTED = st.recursive(
    DIRT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    st.sampled_from(sorted(FIELDS)) | st.sampled_from([*EXPORTED, "Width (cm)", "list price"]) | st.text(max_size=10)
)
ROWS = st.dictionaries(NAMES, NESTED, max_size=12)


def assert_clean(product: Product) -> None:
    """All that `Product` promises."""
    data = dataclasses.asdict(product)
    json.dumps(data, allow_nan=False).encode()
    for text in texts_of(data):
        assert text.isprintable() or not any(
            unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in text
        )
        assert text == text.strip()
    assert 1 <= len(product.title) <= MAX_TITLE_LETTERS
    assert product.brand is None or 1 <= len(product.brand) <= MAX_BRAND_LETTERS
    assert len(product.description) <= MAX_DESCRIPTION_LETTERS
    assert all(1 <= len(name) <= MAX_CATEGORY_LETTERS for name in product.categories)
    for entries in (product.categories, product.images, product.about, product.specifications):
        assert len(entries) <= MAX_LIST_ENTRIES
    for url in (*product.images, *([product.url] if product.url else [])):
        assert url.lower().startswith(("http://", "https://"))
        assert len(url) <= MAX_URL_LETTERS
    for number in (product.width_cm, product.depth_cm, product.height_cm, product.weight_kg, product.price_minor):
        assert number is None or (math.isfinite(number) and number > 0)
    assert product.sponsor_tier in {None, *TIERS}
    assert product.text_hash


def texts_of(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts_of(one)]
    return [text for one in value for text in texts_of(one)] if isinstance(value, (list, tuple)) else []


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_no_row_breaks_it_and_no_product_is_dirty(row):
    parsed = parse_row(row)

    assert all(len(note.field) <= 64 and 0 < len(note.reason) <= 300 for note in parsed.notes)
    assert not any(note.reason.startswith("it can't be read") for note in parsed.notes), parsed
    if parsed.product is None:
        assert any(note.kind == "refused" for note in parsed.notes)
    else:
        assert_clean(parsed.product)


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_dirt_in_other_columns_costs_no_row(row):
    row |= {"asin": "A1", "title": "An honest chair"}

    parsed = parse_row(row)

    assert parsed.product is not None
    assert (parsed.product.asin, parsed.product.title) == ("A1", "An honest chair")
    assert_clean(parsed.product)


def written(product: Product) -> dict[str, object]:
    """A clean product as an export would have it."""
    edges = zip("WDH", (product.width_cm, product.depth_cm, product.height_cm), strict=True)
    return {
        "asin": product.asin,
        "title": product.title,
        "brand": product.brand,
        "price": None if product.price_minor is None else f"{product.price_minor / 100:.2f} {product.currency}",
        "currency": product.currency,
        "availability": product.availability,
        "categories": repr(list(product.categories)),
        "url": product.url,
        "images": json.dumps(product.images),
        "dimensions": " x ".join(f"{edge} cm {way}" for way, edge in edges if edge),
        "item weight": product.weight_kg and f"{product.weight_kg} kg",
        "package_dimensions": product.package_cm and " x ".join(map(str, product.package_cm)) + " cm",
        "country_of_origin": product.country,
        "color": product.color,
        "material": product.material,
        "style": product.style,
        "description": product.description,
        "about_item": list(product.about),
        "specifications": str(product.specifications),
        "sponsor_tier": product.sponsor_tier,
    }


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_what_is_clean_stays_as_it_is(row):
    once = parse_row(row | {"asin": "A1", "title": "An honest chair"}).product
    assert once is not None

    again = parse_row(written(once))

    assert again.product is not None
    stays = ["title", "brand", "price_minor", "images", "url", "width_cm", "depth_cm", "height_cm"]
    if not any(sign in name for name in once.categories for sign in ">›»→|;/"):
        stays.append("categories")
    for field in (*stays, "color", "colors", "material", "materials", "style", "country", "package_cm", "sponsor_tier"):
        assert getattr(again.product, field) == getattr(once, field), field
