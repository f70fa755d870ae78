"""Decides what there is: which models of each kind, and in which colours and sizes. No word of text yet."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sample_catalogue.brands import BRANDS, NAMES, Brand
from tools.sample_catalogue.facts import Facts
from tools.sample_catalogue.kind import Kind, Size
from tools.sample_catalogue.kinds import KINDS
from tools.sample_catalogue.looks import MATERIALS, SHADES, STYLES

SEED = "garaza sample 1"

_TOGETHER = {
    "industrial": {"steel", "iron", "acacia", "mango", "leather", "faux_leather", "concrete"},
    "farmhouse": {"pine", "oak", "linen", "cotton", "rubberwood", "iron", "wool", "seagrass"},
    "art_deco": {"velvet", "brass", "marble", "glass", "walnut"},
    "scandinavian": {"oak", "ash", "beech", "pine", "birch", "wool", "linen", "boucle", "paper", "sherpa"},
    "japandi": {"bamboo", "oak", "ash", "paper", "linen", "rope", "boucle", "ceramic"},
    "coastal": {"rattan", "linen", "cotton", "rope", "teak", "seagrass", "jute", "resin_wicker", "olefin"},
    "boho": {"rattan", "jute", "cotton", "mango", "seagrass", "velvet", "cane"},
    "mid_century": {"walnut", "brass", "leather", "velvet", "boucle", "teak", "cane", "chenille"},
    "traditional": {"leather", "chenille", "walnut", "wool", "iron", "pine", "velvet"},
    "minimalist": {"steel", "aluminium", "glass", "mdf", "oak", "concrete", "travertine"},
    "contemporary": {"mdf", "polyester", "boucle", "faux_leather", "steel", "travertine", "mesh", "memory_foam"},
    "playful": {"pine", "mdf", "cotton", "polypropylene", "birch", "corduroy"},
}
_APART = (
    {"doors", "sliding_doors", "glass_doors"},
    {"foldable", "extendable"},
    {"blackout", "sheer"},
    {"wall_mounted", "wheels"},
    {"cordless", "usb"},
    {"armless", "flip_arms"},
    {"wall_mounted", "anti_tip"},
    {"foldable", "stackable"},
    {"storage", "wheels"},
    {"thick_pile", "outdoor_ok"},
    {"doors", "stackable"},
    {"storage", "trundle"},
    {"lean", "wall_mounted"},
    {"storage", "drawers"},
)
_ROOMY = {"small_space", "narrow_hall", "students", "sloped_ceiling"}
_PAINTED = {
    "leather": ("cognac", "black", "caramel", "dark brown", "burgundy", "cream"),
    "faux_leather": ("black", "cognac", "white", "light grey", "dark brown", "taupe"),
    "boucle": ("off-white", "cream", "light grey", "oatmeal", "sage", "clay"),
    "sherpa": ("off-white", "cream", "taupe", "light grey"),
    "mesh": ("black", "light grey", "charcoal"),
    "memory_foam": ("white",),
    "latex": ("white", "off-white"),
    "marble": ("white", "black", "forest green"),
    "travertine": ("sand", "beige"),
    "concrete": ("light grey", "charcoal"),
    "iron": ("black", "gunmetal"),
    "brass": ("gold",),
    "aluminium": ("white", "charcoal", "black"),
    "resin_wicker": ("dark brown", "light grey", "black", "sand"),
    "olefin": ("light grey", "sand", "navy"),
    "jute": ("natural",),
    "seagrass": ("natural",),
    "sisal": ("natural", "light grey", "cream"),
    "paper": ("white", "natural"),
    "cork": ("natural",),
    "felt": ("charcoal", "light grey", "sage"),
}
_STAINS = ("black", "white", "weathered grey", "dark brown")
_COUNTRIES = ("CN", "VN", "PL", "IN", "MY", "RO", "LT", "ID", "TR", "US", "IT", "PT")
_DEAR = {
    "walnut": 1.5,
    "oak": 1.2,
    "teak": 1.5,
    "leather": 1.8,
    "marble": 1.6,
    "travertine": 1.5,
    "velvet": 1.1,
    "boucle": 1.15,
    "wool": 1.3,
    "linen": 1.1,
    "mdf": 0.75,
    "pine": 0.85,
    "polyester": 0.85,
    "polypropylene": 0.7,
    "latex": 1.4,
    "brass": 1.15,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing one can buy."""

    kind: Kind
    brand: Brand
    name: str
    noun: str
    size: Size
    """As it is, after its own jitter."""
    facts: Facts
    number: int
    """Within its model."""
    asin: str
    country: str | None
    price: float | None
    measured: bool
    """Whether its listing has dimensions."""
    tier: str | None
    sparse: bool
    """Whether its listing says next to nothing."""


_SOUGHT = {
    *(
        "sofa",
        "sectional",
        "sofa_bed",
        "armchair",
        "dining_chair",
        "office_chair",
        "dining_table",
        "coffee_table",
        "desk",
    ),
    *("bed", "nightstand", "dresser", "bookcase", "shelving_unit", "sideboard", "tv_stand", "floor_lamp", "pendant"),
    *("rug", "curtains", "cushion"),
}
"""Of which shops have more."""
_RARE = {
    *("step_stool", "magazine_rack", "wine_rack", "gaming_chair", "changing_table", "deck_box", "folding_table"),
    *("nesting_tables", "headboard", "laundry_hamper", "wall_hooks", "dog_crate", "pantry_cabinet", "stool", "lounger"),
}


def variants(count: int, seed: str = SEED) -> Iterator[Variant]:
    """The first `count` of an endless row that takes the kinds in turn."""
    seen: set[str] = set()
    for turn in itertools.count():
        for kind in KINDS:
            if kind.key in _RARE and turn % 2:
                continue
            for number in range(2 if kind.key in _SOUGHT else 1):
                for variant in _model(kind, 2 * turn + number, seed):
                    if variant.asin not in seen:
                        seen.add(variant.asin)
                        yield variant
                    if len(seen) == count:
                        return


def _model(kind: Kind, turn: int, seed: str) -> Iterator[Variant]:
    rng = random.Random(f"{seed}/{kind.key}/{turn}")
    style = rng.choice(kind.styles or tuple(key for key in STYLES if key != "playful"))
    good = _TOGETHER[style]
    made_of = rng.choices(kind.made_of, [6 if good & set(each) else 1 for each in kind.made_of])[0]
    makers = [brand for brand in BRANDS if kind.family in brand.families]
    brand = rng.choices(makers, [4 if style in each.styles else 1 for each in makers])[0]
    name = rng.choice(NAMES)
    features = _features(kind, rng)
    wished = rng.sample(kind.uses, min(len(kind.uses), rng.choice((1, 1, 2, 2, 3))))
    sparse = rng.random() < 0.06
    shades = _shades(style, made_of, rng)
    narrow = min(size.width for size in kind.sizes)
    jitter = (
        [rng.uniform(0.94, 1.06) for _ in range(3)]
        if kind.family != "textiles" and kind.key != "mattress"
        else [1.0] * 3
    )
    dear = brand.dear * rng.uniform(0.85, 1.25) * _DEAR.get(made_of[0], 1) * (1 + 0.04 * len(features))
    home = brand.country if rng.random() < 0.65 else rng.choice(_COUNTRIES)
    country = None if rng.random() < 0.04 else home
    tier = rng.choices((None, "bronze", "silver", "gold"), (95, 2, 2, 1))[0]
    how_many = rng.choices((1, 2, 3, 4), (52, 27, 15, 6))[0]
    # First the colours of one size, or any of both.
    choices = [(size, shade) for size in rng.sample(kind.sizes, min(2, len(kind.sizes))) for shade in shades[:3]]
    if rng.random() < 0.3:
        rng.shuffle(choices)
    noun = rng.choice(kind.nouns)
    for number, (size, shade) in enumerate(choices[:how_many]):
        own = _jittered(size, jitter)
        uses = [use for use in wished if use not in _ROOMY or size.width <= narrow * 1.3]
        hue, accent = _hues(made_of, shade)
        yield Variant(
            kind,
            brand,
            name,
            noun,
            own,
            Facts(
                kind=kind.key,
                style=style,
                features=frozenset((*features, *kind.always)),
                uses=frozenset(() if sparse else uses),
                materials=made_of,
                shade=shade,
                size=size.label,
                model=f"{kind.key}/{turn}",
                legs=STYLES[style].legs,
                hue=hue,
                accent=accent,
                measures=(own.width, own.depth, own.height),
            ),
            number,
            _asin(seed, kind.key, turn, number),
            country,
            None if rng.random() < 0.04 else _price(size.price * dear, rng),
            rng.random() > 0.05,
            tier,
            sparse,
        )


def _asin(seed: str, *what: object) -> str:
    digest = hashlib.blake2b("/".join(map(str, (seed, *what))).encode(), digest_size=8).digest()
    number, letters = int.from_bytes(digest, "big"), ""
    for _ in range(8):
        number, digit = divmod(number, 32)
        letters += "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit]
    # Those of a well-known shop begin with B0.
    return f"GZ{letters}"


def _features(kind: Kind, rng: random.Random) -> list[str]:
    found: list[str] = []
    for feature in rng.sample(kind.features, len(kind.features)):
        if len(found) == 3 or rng.random() < 0.45:
            continue
        taken = {*found, *kind.always}
        if feature in taken or any(feature in pair and pair & taken for pair in _APART):
            continue
        found.append(feature)
    return found


def _shades(style: str, made_of: tuple[str, ...], rng: random.Random) -> list[str]:
    """That the model comes in; empty: as its material is."""
    first, second = made_of[0], made_of[-1]
    sort = MATERIALS[first].sort
    liked = [shade for shade in STYLES[style].shades if shade not in {"natural", "gold"}]
    if first == "glass":
        return ["" if second == "glass" else _SECOND.get(second, "")]
    if first in _PAINTED:
        own = list(_PAINTED[first])
        both = [shade for shade in own if shade in liked]
        rest = [shade for shade in own if shade not in liked]
        rng.shuffle(both)
        rng.shuffle(rest)
        return both + rest
    rng.shuffle(liked)
    if sort == "wood" and first != "mdf":
        if first in {"pine", "beech", "birch", "rubberwood"} and rng.random() < 0.55:
            return [*liked[:2], ""]
        stains = list(_STAINS)
        rng.shuffle(stains)
        return ["", *(stains[:2] if first in {"oak", "ash", "acacia", "mango"} else [])]
    return {
        "metal": ["black", *[shade for shade in liked if shade != "black"][:2]],
        "weave": ["natural", rng.choice(("black", "white"))],
    }.get(sort, liked)


_SECOND = {"oak": "natural", "walnut": "", "brass": "gold", "steel": "black", "aluminium": "white", "rattan": "natural"}


def _hues(made_of: tuple[str, ...], shade: str) -> tuple[str, str]:
    first, second = MATERIALS[made_of[0]], MATERIALS[made_of[-1]]
    hue = first.hue if shade in {"", "natural"} else SHADES[shade][1]
    if made_of[0] == "glass":
        return first.hue, SHADES[shade][1] if shade not in {"", "natural"} else second.hue
    if len(made_of) > 1:
        return hue, second.hue
    return hue, "#5a5048" if first.sort == "fabric" else _darker(hue)


def _darker(hue: str) -> str:
    red, green, blue = (int(hue[at : at + 2], 16) for at in (1, 3, 5))
    return f"#{red * 3 // 4:02x}{green * 3 // 4:02x}{blue * 3 // 4:02x}"


def _jittered(size: Size, jitter: list[float]) -> Size:
    def of(length: float, factor: float) -> float:
        return float(round(length * factor)) if length >= 10 else length

    width, depth, height = (of(*each) for each in zip((size.width, size.depth, size.height), jitter, strict=True))
    return Size(size.label, width, depth, height, round(size.kg * sum(jitter) / 3, 1), size.price)


def _price(about: float, rng: random.Random) -> float:
    if about >= 300:
        return round(about / 10) * 10 - rng.choice((1, 0.01, 5, 0))
    return max(5, round(about)) - rng.choice((0.01, 0.05, 0.5, 0))
