"""Colours and materials in texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garaza.furniture.words import (
    COLORS,
    MATERIALS,
    WIDER,
    color_families,
    colors_in,
    material_families,
    materials_in,
)


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("Matte Black", ["black"]),
        ("Off-White", ["white"]),
        ("grey/blue", ["gray", "blue"]),
        ("GRAY", ["gray"]),
        ("Light_Grey", ["gray"]),
        ("Charcoal", ["gray"]),
        ("cream", ["beige"]),
        ("Ivory", ["beige"]),
        ("Navy Blues", ["blue"]),
        ("Multi-Color", ["multicolor"]),
        ("rose gold", ["gold"]),
        ("Cream Bouclé armchair", ["beige"]),
        ("a chair, walnut finish", ["brown"]),
        ("black, walnut", ["black"]),
        ("black walnut table", []),
        ("white oak", []),
        ("coffee table", []),
        ("wine rack", []),
        ("rust-proof", []),
        ("reddish", []),
        ("redwood", []),
        ("blackboard", []),
        ("", []),
    ],
)
def test_colors_are_found_in_any_text(text, families):
    assert list(color_families(text)) == families


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("Espresso", ["brown"]),
        ("Natural Walnut", ["brown"]),
        ("Black Walnut", ["brown"]),
        ("Black, Walnut", ["black", "brown"]),
        ("Coffee", ["brown"]),
        ("Natural", ["brown"]),
        ("Natural White", ["white"]),
        ("Rust", ["orange"]),
        ("Clear", ["clear"]),
        ("Sand", ["beige"]),
    ],
)
def test_where_a_color_is_said_more_words_are_one(text, families):
    assert list(color_families(text, stated=True)) == families


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("walnut", ["walnut", "wood"]),
        ("Solid Oak Wood", ["oak", "wood"]),
        ("Metal,Wood", ["metal", "wood"]),
        ("stainless-steel legs", ["steel", "metal"]),
        ("genuine leather, brown", ["leather"]),
        ("Genuine Leather Brown", ["leather"]),
        ("faux leather", ["faux leather"]),
        ("Faux-Leather", ["faux leather"]),
        ("PU", ["faux leather"]),
        ("leather-like", []),
        ("non-leather", []),
        ("faux marble", []),
        ("marble-look top", []),
        ("walnut finish MDF", ["engineered wood", "wood"]),
        ("wood grain", []),
        ("velvets", ["velvet", "fabric"]),
        ("printed cotton", ["cotton", "fabric"]),
        ("cotton printed", ["cotton", "fabric"]),
        ("bouclé", ["boucle", "fabric"]),
        ("tempered glass", ["glass"]),
        ("wine glasses", []),
        ("PE rattan", ["rattan"]),
        ("wicker", ["rattan"]),
        ("rubber wood", ["rubberwood", "wood"]),
        ("rubber", ["rubber"]),
        ("cherry", []),
        ("cherry wood", ["cherry", "wood"]),
        ("rosewoods", ["rosewood", "wood"]),
        ("boaks", []),
        ("", []),
    ],
)
def test_materials_are_found_in_any_text(text, families):
    assert list(material_families(text)) == families


def test_where_a_material_is_said_more_words_are_one():
    assert material_families("Cherry", stated=True) == ("cherry", "wood")


def test_where_words_stand_is_told():
    text = "Off-White desk, walnut legs"
    (color,), (material,) = colors_in(text), materials_in(text)

    assert (color.family, text[color.start : color.end]) == ("white", "Off-White")
    assert (material.family, text[material.start : material.end]) == ("walnut", "walnut")


def test_every_word_of_the_tables_is_found_as_its_family():
    for family, phrases in COLORS.items():
        for phrase in phrases:
            assert color_families(phrase) == (family,), phrase
            assert color_families(phrase.upper().replace(" ", "-")) == (family,), phrase
    for family, phrases in MATERIALS.items():
        for phrase in phrases:
            assert material_families(phrase)[0] == family, phrase
    assert set(WIDER) | set(WIDER.values()) <= set(MATERIALS)


@given(st.text(max_size=200), st.booleans())
def test_no_text_breaks_it(text, stated):
    assert set(color_families(text, stated=stated)) <= set(COLORS)
    assert set(material_families(text, stated=stated)) <= set(MATERIALS)
