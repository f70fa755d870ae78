"""How a listing reads: title, bullet points, description."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.sample_catalogue import plain
from tools.sample_catalogue.features import FEATURES
from tools.sample_catalogue.looks import MATERIALS, STYLES
from tools.sample_catalogue.models import SEED, Variant
from tools.sample_catalogue.uses import USES

COUNTRIES = {
    "SE": "Sweden",
    "GB": "the United Kingdom",
    "US": "the USA",
    "IT": "Italy",
    "JP": "Japan",
    "PT": "Portugal",
    "FR": "France",
    "DK": "Denmark",
    "PL": "Poland",
    "DE": "Germany",
    "MA": "Morocco",
    "ID": "Indonesia",
    "VN": "Vietnam",
    "BE": "Belgium",
    "IE": "Ireland",
    "CA": "Canada",
    "NL": "the Netherlands",
    "ES": "Spain",
    "MX": "Mexico",
    "TR": "Turkey",
    "FI": "Finland",
    "GR": "Greece",
    "IN": "India",
    "CN": "China",
    "MY": "Malaysia",
    "RO": "Romania",
    "LT": "Lithuania",
}
_LIMP = {"bean_bag", "ottoman", "mattress", "pet_bed", "storage_box", "laundry_hamper", "hanging_chair", "cat_tree"}
_AN = re.compile(r"\b([Aa]) (?=[aeio](?!ne))")
_SMALL = {"with", "and", "of", "for", "in", "on", "to", "the", "a"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a shop writes."""

    title: str
    color: str | None
    material: str | None
    style: str | None
    about: tuple[str, ...]
    description: str


def listing(variant: Variant, seed: str = SEED) -> Listing:
    """Of a variant; those of one model share most of it."""
    facts = variant.facts
    rng = random.Random(f"{seed}/text/{facts.model}")
    color = _color(variant)
    material_names = [rng.choice(MATERIALS[key].names) for key in facts.materials]
    style_name = rng.choice(STYLES[facts.style].names)
    title = _title(variant, color, material_names[0], style_name, rng)
    says_style = bool(style_name) and rng.random() < 0.55
    material = " & ".join(name.capitalize() for name in material_names) if rng.random() < 0.9 else None
    words = {
        "name": variant.name,
        "noun": _one(variant.noun),
        "brand": variant.brand.name,
        "color": color.lower() or material_names[0],
        "country": COUNTRIES[variant.country] if variant.country else "small batches",
        **_measures(variant),
    }
    about, description = _body(variant, rng, bool(says_style and style_name))
    return Listing(
        title=title,
        color=color or None if rng.random() < 0.95 else None,
        material=material,
        style=style_name if says_style else None,
        about=tuple(_filled(line, words) for line in about),
        description=" ".join(_filled(line, words) for line in description),
    )


def _filled(line: str, words: dict[str, str]) -> str:
    return _AN.sub(r"\1n ", line.format(**words))


def _is_limp(variant: Variant) -> bool:
    """Whether it has nothing that a joiner would call a part."""
    return variant.kind.family in {"textiles", "light"} or variant.kind.key in _LIMP


def _one(noun: str) -> str:
    return noun.partition(",")[0]


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith("ss")


def _of_number(lines: Sequence[str], noun: str) -> list[str]:
    """Those that can be said of it; most speak of one."""
    return [line for line in lines if "{noun}" not in line or not _is_plural(noun)]


def _title_case(text: str) -> str:
    words = text.split(" ")
    return " ".join(word if at and word in _SMALL else word[:1].upper() + word[1:] for at, word in enumerate(words))


def _color(variant: Variant) -> str:
    facts = variant.facts
    first, second = MATERIALS[facts.materials[0]], MATERIALS[facts.materials[-1]]
    if facts.shade in {"", "natural"}:
        if first.sort == "wood" or (facts.materials[0] == "glass" and second.sort == "wood"):
            wood = facts.materials[0] if first.sort == "wood" else facts.materials[-1]
            return "Walnut" if wood == "walnut" else f"Natural {wood}" if wood != "mdf" else "Natural"
        return "Natural" if facts.shade == "natural" else "Clear" if facts.materials[0] == "glass" else ""
    stained = first.sort == "wood" and facts.materials[0] not in {"mdf", "pine", "beech", "birch", "rubberwood"}
    shade = facts.shade.capitalize()
    return f"{shade} stained {facts.materials[0]}" if stained and variant.brand.voice == "craft" else shade


def _title(variant: Variant, color: str, material: str, style: str, rng: random.Random) -> str:
    facts, brand = variant.facts, variant.brand
    noun, one, size = _title_case(variant.noun), _one(variant.noun), variant.size.label
    other = rng.choice([_one(each) for each in variant.kind.nouns])
    can = [FEATURES[key].short for key in sorted(facts.features) if key in FEATURES and FEATURES[key].short]
    can_with = next((short for short in can if short.startswith(("with", "on"))), "")
    can_be = next((short for short in can if not short.startswith(("with", "on"))), "")
    use = next((USES[key].short for key in sorted(facts.uses) if USES[key].short.startswith("for")), "")
    # Nobody sells a folding folding table, or a chest of drawers with drawers.
    can_with = "" if any(word in noun.lower() for word in can_with.split()[1:]) else can_with
    can_be = "" if any(word in f"{noun} {other}".lower() for word in can_be.split()) else can_be
    cased_with, cased_be, cased_use = _title_case(can_with), _title_case(can_be), _title_case(use)
    cased_material, cased_other = _title_case(material), _title_case(other)
    color_part = color or material.capitalize()
    patterns = {
        "plain": (
            f"{variant.name} {one}",
            f"{variant.name} {one}, {color_part.lower()}",
            f"{brand.name} {variant.name} {can_be} {one}, {material}, {color_part.lower()}",
            f"{one.capitalize()} {variant.name}, {size}, {color_part.lower()}",
            f"{variant.name}: {style} {one} {can_with}",
        ),
        "market": (
            f"{brand.name} {style} {noun} {cased_with}, {cased_material} {cased_other} {cased_use}, {color_part}",
            f"{brand.name} {_title_case(size)} {cased_be} {noun}, {style} {cased_other}, {color_part}",
            f"{brand.name} {noun} - {cased_material}, {cased_with or cased_be or cased_use}, {color_part}",
            f"{brand.name} {cased_be} {noun} {cased_use}, {size}, {color_part}",
        ),
        "catalogue": (
            f"{variant.name} {noun}, {_title_case(material)}, {color_part}",
            f"{variant.name} {style} {noun} in {color_part}",
            f"{noun} “{variant.name}”, {size}, {color_part}",
            f"{variant.name} – {size} {one} {can_with}, {color_part.lower()}",
        ),
        "craft": (
            f"The {variant.name} {noun} in {_title_case(material)}",
            f"{style} {noun} in {_title_case(material)}, {color_part}",
            f"{variant.name}, {'' if _is_plural(one) else 'a'} {can_be} {one} of {material}",
            f"{brand.name} {variant.name} {noun} {_title_case(can_with)} | {color_part}",
        ),
    }[brand.voice]
    if variant.sparse:
        return _clean(f"{style} {noun} {color_part} {size}")
    title = _clean(rng.choice(patterns))
    # What else differs from its siblings has to be somewhere.
    if variant.number and color_part.lower() not in title.lower():
        title = f"{title}, {color_part.lower()}"
    if size and size.lower() not in title.lower() and rng.random() < 0.7:
        title = f"{title}, {size}"
    return title


def _clean(text: str) -> str:
    text = " ".join(text.split())
    for wrong, right in ((" ,", ","), (",,", ","), ("- ,", "-"), (": ,", ","), (", |", " |")):
        text = text.replace(wrong, right)
    text = text.strip(" ,-–|:")
    for vowel in "aeio":
        text = text.replace(f", a {vowel}", f", an {vowel}")
    return text


def _measures(variant: Variant) -> dict[str, str]:
    size = variant.size
    named = {"w": size.width, "d": size.depth, "h": size.height}
    inches = {f"{key}i": f"{value / 2.54:.1f}" for key, value in named.items()}
    return (
        {key: f"{value:g}" for key, value in named.items()}
        | inches
        | {"kg": f"{size.kg:g}", "lb": f"{size.kg * 2.2046:.1f}"}
    )


def _body(variant: Variant, rng: random.Random, style_told: bool) -> tuple[list[str], list[str]]:
    """Bullet points and sentences, in which each use and feature is found at least once, and the style too."""
    facts, kind = variant.facts, variant.kind
    if variant.sparse:
        return ([rng.choice(kind.lines)] if rng.random() < 0.5 else []), []
    uses = [rng.choice(USES[key].sentences) for key in sorted(facts.uses)]
    features = [(key, rng.choice(FEATURES[key].sentences)) for key in sorted(facts.features) if key in FEATURES]
    stuff = [rng.choice(MATERIALS[key].sentences) for key in facts.materials]
    fitting = [line for line in STYLES[facts.style].sentences if not (line.startswith("~") and _is_limp(variant))]
    styles = [line.removeprefix("~") for line in rng.sample(fitting, 2)]
    lines = list(rng.sample(kind.lines, min(3, len(kind.lines))))
    rng.shuffle(uses)
    rng.shuffle(features)
    shape = rng.choice(("bullets", "story", "both", "both", "long", "terse"))
    headed = rng.choice(("plain", "plain", "caps", "dash", "colon"))

    def bullet(key: str, line: str) -> str:
        heading = FEATURES[key].heading if key in FEATURES else ""
        if not heading or headed == "plain":
            return line
        return {"caps": f"{heading.upper()}: {line}", "dash": f"{heading} – {line}", "colon": f"{heading}: {line}"}[
            headed
        ]

    soft = MATERIALS[facts.materials[0]].sort == "fabric"
    extras = [
        *([] if kind.family == "textiles" else [rng.choice(plain.ASSEMBLY)]),
        rng.choice(plain.SOFT_CARE if soft else plain.HARD_CARE),
        rng.choice(plain.WARRANTY),
        *([rng.choice(plain.MADE_IN)] if variant.country else []),
        *(
            [rng.choice(plain.MEASURES_INCH if variant.brand.inches else plain.MEASURES_CM)] * 2
            if variant.measured
            else []
        ),
        rng.choice(_of_number(plain.BOX, _one(variant.noun))),
    ]
    rng.shuffle(extras)
    extras = list(dict.fromkeys(extras))
    opening, closing = rng.choice(_of_number(plain.OPENINGS, _one(variant.noun))), rng.choice(plain.CLOSINGS)
    told = [bullet(key, line) for key, line in features]
    if shape == "bullets":
        return [styles[0], *lines[:1], *told, *uses, *extras[:2]], ([] if rng.random() < 0.5 else [lines[-1]])
    if shape == "story":
        sentences = [styles[0], *lines[:2], *[line for _, line in features], *uses, stuff[0]]
        return [], [*([opening] if rng.random() < 0.6 else []), *sentences, *([closing] if rng.random() < 0.5 else [])]
    if shape == "terse":
        return told, [*(styles[:1] if not style_told or rng.random() < 0.4 else []), *lines[:1], *uses]
    if shape == "long":
        told = [*told, *stuff, *extras[:3]]
        rng.shuffle(told)
        return told, [opening, *styles, *lines[:2], *uses, closing]
    told = [*told, stuff[0], *extras[: rng.choice((1, 2, 3))]]
    rng.shuffle(told)
    rest = [*lines[: rng.choice((1, 2, 3))], *uses]
    rng.shuffle(rest)
    return told, [*([opening] if rng.random() < 0.3 else []), styles[0], *rest]
