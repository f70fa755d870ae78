"""Countries as catalogues write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.places import COUNTRIES, REGIONS, country_name, country_of, region_of


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("us", "US"),
        ("the United States", "US"),
        ("United States of America", "US"),
        ("Made in the USA with imported materials", "US"),
        ("Made in U.S.A", "US"),
        ("Made in China", "CN"),
        ("MADE IN CHINA.", "CN"),
        ("CHN", "CN"),
        ("P.R.C.", "CN"),
        ("People's Republic of China", "CN"),
        ("中国", "CN"),
        ("Viet Nam", "VN"),
        ("Việt Nam", "VN"),
        ("Ho Chi Minh City, Vietnam", "VN"),
        ("Country of Origin: Vietnam", "VN"),
        ("Product of India", "IN"),
        ("Designed in Italy, made in Romania", "RO"),
        ("Italy or Romania", "IT"),
        ("Georgia", "GE"),
        ("Georgia, USA", "US"),
        ("USA (Georgia)", "US"),
        ("Turkey", "TR"),
        ("TÜRKİYE", "TR"),
        ("Cote d’Ivoire", "CI"),
        ("England", "GB"),
        ("Korea, Republic of", "KR"),
        ("Taiwan", "TW"),
        ("IN", "IN"),
        ("in", None),
        ("it is imported", None),
        ("No", None),
        ("Imported", None),
        ("N/A", None),
        ("NA", None),
        ("nan", None),
        ("made in", None),
        ("Chinaware", None),
        ("", None),
    ],
)
def test_a_country_is_known_by_its_many_names(text, country):
    assert country_of(text) == country


def test_every_country_is_known_by_its_own_name_and_is_in_a_region():
    for iso in COUNTRIES:
        name = country_name(iso)
        assert country_of(name) == country_of(name.upper()) == country_of(f"Made in {name}") == iso
        assert region_of(iso) in REGIONS


def test_what_is_no_country_has_no_region():
    assert region_of("ZZ") is None
    assert country_name("ZZ") == "ZZ"


@given(st.text(max_size=600))
def test_no_text_breaks_it(text):
    assert country_of(text) is None or country_of(text) in COUNTRIES
