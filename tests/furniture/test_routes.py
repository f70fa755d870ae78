"""The calls of the catalogue, on the sample, by the service as it is put together."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from garaza.furniture.search.terms import stem
from garaza.furniture.tally import OUTCOMES
from garaza.kit.database import sqlite_url
from tests.api.whole import Whole, whole_service
from tests.queries import Queries

JSON = {"Content-Type": "application/json"}
SEARCH = "/api/furniture/search"


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def shop(portal: BlockingPortal, empty_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(empty_file, folder / "garaza.db")
    service = whole_service(sqlite_url(folder / "garaza.db"), folder, folder, furniture={"sample": True})
    with portal.wrap_async_context_manager(service) as whole:
        portal.call(whole.catalogue)
        yield whole


class Asking:
    def __init__(self, portal: BlockingPortal, whole: Whole) -> None:
        self.portal, self.whole = portal, whole

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.portal.call(lambda: self.whole.guest().get(path, **options))
        assert answer.status_code == status, answer.text
        return answer.json()

    def search(self, status: int = 200, **body: Any) -> Any:
        answer = self.portal.call(lambda: self.whole.guest().post(SEARCH, content=json.dumps(body), headers=JSON))
        assert answer.status_code == status, answer.text
        return answer.json()

    def figures(self) -> dict[str, float]:
        """By name and labels, as they are told."""
        text = self.portal.call(lambda: self.whole.guest("127.0.0.1").get("/metrics")).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("garaza_furniture"))
        return {name: float(value) for name, _, value in lines}

    def queries(self, path: str) -> int:
        with Queries(self.whole.database) as seen:
            self.get(path)
        return len([one for one in seen.reads if "products" in one])


@pytest.fixture
def ask(portal: BlockingPortal, shop: Whole) -> Asking:
    return Asking(portal, shop)


def test_a_search_finds_what_is_meant_and_says_how_it_was_understood(ask: Asking) -> None:
    found = ask.search(query="somewhere to sit for three under $2000", top_k=5, user_country="Croatia", facets=True)
    assert (found["count"], len(found["results"])) == (5, 5)
    assert [result["rank"] for result in found["results"]] == [1, 2, 3, 4, 5]
    assert found["semantic"]
    assert found["understood"]
    assert {facet["name"] for facet in found["facets"]} >= {"brands", "categories", "colors"}
    assert all(result["price_minor"] <= 200_000 for result in found["results"])
    first = found["results"][0]
    assert first["price"].startswith("$")
    assert isinstance(first["categories"], str)
    assert ask.search(query="sofa")["count"] == 3
    without = ask.search(query="sofa under $300", top_k=100, without=[found["understood"][0]["key"]])
    assert max(result["price_minor"] or 0 for result in without["results"]) > 30_000


def test_pages_go_on_where_the_last_one_ended(ask: Asking) -> None:
    whole = ask.search(query="oak table", page_size=20)
    second = ask.search(query="oak table", page_size=10, page=2)
    assert [one["asin"] for one in second["results"]] == [one["asin"] for one in whole["results"][10:]]
    assert second["results"][0]["rank"] == 11
    in_address = ask.get(SEARCH, params={"query": "oak table", "page_size": 10, "page": 2})
    assert in_address == second


def test_filters_narrow_it(ask: Asking) -> None:
    category = ask.search(query="desk", top_k=1)["results"][0]["categories"].split(" > ")[-1]
    narrow = ask.search(query="", filters={"categories": [category], "max_width_cm": 200}, page_size=50)
    assert narrow["results"]
    assert all(one["width_cm"] <= 200 for one in narrow["results"])
    brand = narrow["results"][0]["brand"]
    ours = ask.get(SEARCH, params={"query": "", "brands": [brand.upper()], "page_size": 100})
    assert {one["brand"] for one in ours["results"]} == {brand}


def test_products_brands_and_categories_are_looked_up(ask: Asking) -> None:
    first, other = ask.search(query="lamp", top_k=2)["results"]
    product = ask.get(f"/api/furniture/product/{first['asin'].lower()}")
    assert (product["asin"], product["title"]) == (first["asin"], first["title"])
    assert ask.get("/api/furniture/product/nothing", 404)["code"] == "not_found"
    several = ask.get("/api/furniture/products", params={"asins": f"{other['asin']},NOTHING,{first['asin']}"})
    assert [one["asin"] for one in several["products"]] == [other["asin"], first["asin"]]
    brand = ask.get(f"/api/furniture/brand/{first['brand'].upper()}")
    assert brand["brand"] == first["brand"]
    assert brand["count"] == len(brand["products"]) > 0
    category = ask.get(f"/api/furniture/category/{first['categories'].split(' > ')[-1]}")
    assert category["count"] > 0
    # It is text, and neither a pattern nor a path.
    assert ask.get("/api/furniture/category/.*")["count"] == 0
    assert ask.get("/api/furniture/brand/a%2Fb/%C3%A9")["brand"] == "a/b/é"
    more = ask.get(f"/api/furniture/similar/{first['asin']}")
    assert first["asin"] not in [one["asin"] for one in more["results"]]
    assert more["count"] == 8
    assert ask.get("/api/furniture/similar/nothing", 404)


def test_figures_and_suggestions(ask: Asking) -> None:
    stats, filters = ask.get("/api/furniture/stats"), ask.get("/api/furniture/filters")
    assert stats["total_products"] == ask.get("/api/furniture/health")["products"]
    assert stats["unique_brands"] == len(filters["brands"])
    assert filters["countries"][0]["count"] > 0
    assert ask.get("/api/furniture/suggest?q=so")["suggestions"]


def test_clearing_memory_unloads_the_model_and_searches_go_on(ask: Asking) -> None:
    ask.search(query="a corner for reading")
    whole = ask.whole
    assert stem.cache_info().currsize
    before = ask.figures()
    assert before["garaza_furniture_encoder_loaded"] == 1
    admin = ask.portal.call(lambda: whole.register(role="admin"))
    assert ask.portal.call(lambda: admin.post("/api/admin/clear-memory")).status_code == 200
    assert (ask.figures()["garaza_furniture_encoder_loaded"], stem.cache_info().currsize) == (0, 0)
    # What was asked before was forgotten, too.
    assert ask.search(query="a corner for reading")["semantic"]
    after = ask.figures()
    for name in ('searches_total{outcome="meaning"}', "encoder_loads_total"):
        assert after[f"garaza_furniture_{name}"] == before[f"garaza_furniture_{name}"] + 1
    assert after["garaza_furniture_encoder_loaded"] == 1


def test_operators_see_what_searches_come_to(ask: Asking) -> None:
    before = ask.figures()
    answer = ask.portal.call(lambda: ask.whole.guest().get(f"{SEARCH}?query=a+stool+for+the+workbench"))
    spent = dict(re.findall(r"(\w+);dur=([0-9.]+)", answer.headers["server-timing"]))
    assert spent.keys() >= {"encode", "index", "words", "db", "compute", "total"}
    assert sum(float(spent[name]) for name in spent if name != "total") == pytest.approx(float(spent["total"]), abs=1)
    # A copy is no search, and what is searched for by nothing but a bound is no question of meaning.
    again = ask.portal.call(lambda: ask.whole.guest().get(f"{SEARCH}?query=a+stool+for+the+workbench"))
    assert "encode" not in again.headers["server-timing"]
    ask.search(query="under $77")
    after = ask.figures()

    def more(name: str) -> float:
        return after[f"garaza_furniture_{name}"] - before[f"garaza_furniture_{name}"]

    assert [more(f'searches_total{{outcome="{one}"}}') for one in OUTCOMES] == [1, 0, 1, 0]
    for part in ("encode", "index", "words"):
        assert more(f'search_seconds_count{{part="{part}"}}') == 2
        assert more(f'search_seconds_sum{{part="{part}"}}') > 0
    assert more('encoder_batch_queries_count{model="own"}') == more('encoder_batch_queries_bucket{le="1",model="own"}')
    assert more('encoder_batch_queries_sum{model="own"}') == 1
    assert after["garaza_furniture_products"] == ask.get("/api/furniture/health")["products"]
    assert (after["garaza_furniture_version"], after["garaza_furniture_semantic"]) == (1, 1)
    assert 0 < after["garaza_furniture_age_seconds"] < 3600
    kinds = [after[f'garaza_furniture_index{{kind="{kind}"}}'] for kind in ("files", "pgvector", "qdrant")]
    assert kinds == [1, 0, 0]
    assert after["garaza_furniture_encoder_waiting"] == 0


def test_what_was_asked_before_costs_no_query_and_no_encoding(ask: Asking) -> None:
    path = f"{SEARCH}?query=green+velvet+armchair"
    asin = ask.get(path)["results"][0]["asin"]
    for again in (path, f"/api/furniture/product/{asin}", "/api/furniture/stats", "/api/furniture/product/nil"):
        status = 404 if again.endswith("nil") else 200
        ask.get(again, status)
        with Queries(ask.whole.database) as seen:
            ask.get(again, status)
        assert [one for one in seen.reads if "products" in one] == []
    assert ask.queries(f"/api/furniture/products?asins={asin},B,C") == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": "a\0b"},
        {"query": "\ud800"},
        {"query": "x" * 501},
        {"query": "sofa", "top_k": 0},
        {"query": "sofa", "top_k": 101},
        {"query": "sofa", "page": 0},
        {"query": "sofa", "filters": {"max_price": -1}},
        {"query": "sofa", "filters": {"max_price": 1e300}},
        {"query": "sofa", "filters": {"brands": ["x"] * 51}},
        {"query": "sofa", "sort": "random"},
    ],
)
def test_what_is_out_of_bounds_is_refused(ask: Asking, body: dict[str, Any]) -> None:
    assert ask.search(422, **body)["code"] == "invalid_request"


TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    query=TEXT | st.sampled_from(["under $", "no", "-5 cm wide", "not not blue", "¹²³ cm", "between 1 and"]),
    brands=st.lists(TEXT, max_size=3),
    price=st.none() | st.floats(),
    page=st.integers(-1, 2**70),
)
def test_nothing_that_is_asked_is_an_error_of_the_service(
    ask: Asking, query: str, brands: list[str], price: float | None, page: int
) -> None:
    body = {"query": query, "filters": {"brands": brands, "max_price": price}, "page": page}
    content = json.dumps(body).encode()
    answer = ask.portal.call(lambda: ask.whole.guest().post(SEARCH, content=content, headers=JSON))
    assert answer.status_code in {200, 422}


RUBBISH = ("%00", "%FF", "%ED%A0%80", "%C3%9F" * 60, "a%2Fb", "..%2F..%2Fgaraza.db", "a%5Cb", "%20" * 50, "A" * 400)
NUMBERS = ("-1", "0", "NaN", "Infinity", "1e400", "9" * 400, "%D9%A3", "")


def test_whatever_stands_in_an_address_is_answered(ask: Asking) -> None:
    root = "/api/furniture"
    places = (
        "product/",
        "similar/",
        "brand/",
        "category/",
        "suggest?q=",
        "products?asins=",
        "search?query=",
        "pictures/",
    )
    addresses = [f"{root}/{place}{text}" for place in places for text in RUBBISH]
    addresses += [f"{root}/pictures/{text}{end}" for text in RUBBISH for end in (".svg", "/0")]
    counted = ("brand/a?limit=", "category/a?page=", "similar/A?limit=", "suggest?q=a&limit=", "pictures/A/")
    counted += ("search?page=", "search?top_k=", "search?min_price=", "search?in_stock=")
    addresses += [f"{root}/{place}{number}" for place in counted for number in NUMBERS]
    addresses += [f"{root}/category/?page=1000&limit=100", f"{root}/search?query=a&query=b&page=1&page=2"]
    addresses += [f"{root}/products?asins={','.join(map(str, range(number)))}" for number in (101, 10_000)]

    async def statuses() -> set[int]:
        guest, found = ask.whole.guest(), set()
        for address in addresses:
            answer = await guest.get(address)
            kind = "application/json" if answer.status_code == 200 else "application/problem+json"
            assert answer.headers["content-type"] == kind, (address, answer.status_code, answer.text)
            found.add(answer.status_code)
        return found

    assert ask.portal.call(statuses) == {200, 404, 422}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_whatever_is_sent_is_answered(ask: Asking, kind: str) -> None:
    texts = ("", "null", "[]", "{", '{"query": NaN}', '{"query": "a", "top_k": 1e400}', "[" * 50_000, '{"a":' * 9_000)
    bodies = [*(text.encode() for text in texts), b"\xff\xfe", b'{"query": "\xff"}', b'{"query": "\\ud800"}']

    async def statuses() -> set[int]:
        guest = ask.whole.guest()
        answers = [await guest.post(SEARCH, content=body, headers={"Content-Type": kind}) for body in bodies]
        answers.append(await guest.post(SEARCH, content=b'"' + b"a" * (1 << 17) + b'"', headers={"Content-Type": kind}))
        assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
        return {answer.status_code for answer in answers}

    assert ask.portal.call(statuses) <= {400, 413, 415, 422}


def test_pictures_are_drawn(ask: Asking) -> None:
    (product,) = ask.search(query="sofa", top_k=1)["results"]
    address = f"/api/furniture/pictures/{product['asin']}.svg"
    assert product["imgUrl"].startswith(address)
    answers = [ask.portal.call(ask.whole.guest().get, path) for path in (address, product["imgUrl"])]
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert "<svg" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    ask.get("/api/furniture/pictures/NOBODY.svg", 404)


def test_there_are_no_pictures_of_elsewhere_in_the_sample(ask: Asking) -> None:
    (product,) = ask.search(query="sofa", top_k=1)["results"]
    address = f"/api/furniture/pictures/{product['asin']}"
    for place, status in ((0, 404), (49, 404), (50, 422), (-1, 422), ("x", 422)):
        ask.get(f"{address}/{place}", status)
