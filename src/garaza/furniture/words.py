"""Colours and materials in texts: families that filters offer, and the many words for each.

Words are found whole, whatever their case and accents, in the plural, and with hyphens or blanks within a name of
several: "off-white" is white, "black walnut" a wood and no colour. What only seems to be a material isn't it: of
"faux leather", "walnut finish" and "marble look" none is leather, walnut or marble.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

MAX_LETTERS = 20_000
"""Of a text that are looked at."""


@dataclass(frozen=True, slots=True)
class Mention:
    """That a family is named, and where: `text[start:end]`."""

    family: str
    start: int
    end: int


def _phrases(table: str) -> dict[str, tuple[str, ...]]:
    """Of `family: phrase, phrase` in lines, which may go on in the next."""
    entries = re.findall(r"([\w ]+):([^:]+)(?:\n|\Z)", table)
    return {family.strip(): tuple(" ".join(part.split()) for part in words.split(",")) for family, words in entries}


COLORS: Mapping[str, tuple[str, ...]] = _phrases(
    """
    black: black, jet black, matte black, blackened
    white: white, off white, snow white, alabaster, whitewashed, whitewash, white washed
    gray: gray, grey, greyish, grayish, charcoal, charcoal gray, charcoal grey, anthracite, gunmetal, greige,
        slate gray, slate grey, dove gray, dove grey, graphite
    beige: beige, cream, creme, creamy white, ivory, ecru, taupe, oatmeal, champagne beige, off beige, khaki
    brown: brown, chestnut, cognac, chocolate brown, dark chocolate, coffee brown, caramel, mocha, tan, saddle
        brown, walnut brown, umber, sepia
    red: red, crimson, scarlet, burgundy, maroon, wine red, ruby red, vermilion, cherry red
    pink: pink, blush, blush pink, fuchsia, magenta, dusty rose, rose pink, coral pink, salmon pink
    orange: orange, burnt orange, terracotta, terra cotta, rust orange, rust red, apricot, tangerine, coral
    yellow: yellow, mustard, mustard yellow, lemon yellow, ochre, ocher
    gold: gold, golden, rose gold, champagne gold, gilded, gilt
    green: green, olive green, emerald, emerald green, sage green, mint green, forest green, hunter green, moss
        green, lime green, jade, dark olive
    blue: blue, navy, navy blue, teal, turquoise, aqua, azure, cobalt, indigo, sky blue, royal blue, denim blue,
        peacock blue, cyan
    purple: purple, violet, lilac, lavender, plum purple, mauve, aubergine, eggplant
    silver: silver, silvery, chrome, chromed
    bronze: bronze, bronzed, copper, oil rubbed bronze
    multicolor: multicolor, multicolour, multicolored, multicoloured, multi color, multi colour, multi colored,
        multi coloured, rainbow, colorful, colourful, patchwork
    clear: transparent, translucent, clear glass, crystal clear
    """
)
"""What is a colour wherever it stands."""

STATED_COLORS: Mapping[str, tuple[str, ...]] = _phrases(
    """
    black: ebony, onyx, ink, jet, noir, wenge
    white: snow, pearl, chalk, milk, blanc, ceramic white, marble white, natural white
    gray: ash, ash gray, stone, slate, smoke, smoky, steel, cement, concrete, fog, pewter, iron, gris, weathered
        gray
    beige: sand, white oak, white ash, white pine, linen, oat, bone, almond, vanilla, flax, wheat, camel beige,
        natural linen, natural beige, stone beige, parchment
    brown: walnut, natural, natural wood, espresso, coffee, chocolate, mahogany, oak, camel, cocoa, tobacco, cinnamon,
        rustic brown,
        black walnut, red oak, red cedar, hazelnut, teak, acacia, pecan, hickory, sienna, leather brown,
        cappuccino, nutmeg, toffee, rustic oak, brun
    red: wine, cherry, ruby, brick, bordeaux, merlot, rouge, rosso, cranberry
    pink: rose, salmon, peony, flamingo
    orange: rust, peach, pumpkin, amber, copper orange
    yellow: lemon, honey, sunflower, butter, canary, maize
    gold: brass, champagne, antique brass
    green: olive, sage, mint, moss, forest, lime, pistachio, eucalyptus, fern, hunter, seafoam, verde
    blue: sky, denim, ocean, peacock, sapphire, midnight, marine, lagoon
    purple: plum, grape, amethyst, orchid, mulberry
    silver: nickel, brushed nickel, stainless steel, platinum, aluminum, aluminium
    multicolor: multi, assorted, mixed, various, mixed colors
    clear: clear, crystal, glass
    """
)
"""What is one where a colour is said: as a colour coffee is brown, but a coffee table may be white."""

MATERIALS: Mapping[str, tuple[str, ...]] = _phrases(
    """
    wood: wood, wooden, solid wood, real wood, hardwood, softwood, timber, lumber, driftwood, reclaimed wood,
        veneer
    walnut: walnut, black walnut
    oak: oak, white oak, red oak, oakwood
    pine: pine, pinewood, white pine, pine wood
    teak: teak, teakwood, teak wood
    acacia: acacia
    mango wood: mango wood, mangowood, solid mango
    birch: birch, birchwood, birch wood, baltic birch
    beech: beech, beechwood, beech wood
    maple: maple, maple wood, sugar maple
    cherry: cherry wood, cherrywood, solid cherry, american cherry
    mahogany: mahogany
    ash: ash wood, ashwood, solid ash, white ash, black ash wood
    cedar: cedar, red cedar, cedarwood
    rubberwood: rubberwood, rubber wood, parawood
    rosewood: rosewood, rose wood, sheesham
    elm: elm wood, elmwood, solid elm
    poplar: poplar
    fir: fir wood, firwood, solid fir, douglas fir, chinese fir
    spruce: spruce
    eucalyptus: eucalyptus, eucalyptus wood
    paulownia: paulownia
    engineered wood: engineered wood, manufactured wood, composite wood, mdf, medium density fiberboard, medium
        density fibreboard, particle board, particleboard, chipboard, fiberboard, fibreboard, plywood, laminate,
        laminated wood, hdf, wood composite, manmade wood, man made wood
    bamboo: bamboo
    metal: metal, alloy, zinc, zinc alloy, tin, chrome, chromed metal
    steel: steel, stainless steel, carbon steel, alloy steel, stainless
    iron: iron, wrought iron, cast iron
    aluminum: aluminum, aluminium, aluminum alloy, aluminium alloy
    brass: brass
    copper: copper
    bronze: bronze
    leather: leather, genuine leather, real leather, top grain leather, full grain leather, cowhide, rawhide,
        nappa
    faux leather: faux leather, pu leather, pu, polyurethane leather, vegan leather, vegan friendly leather,
        bonded leather, artificial leather, imitation leather, synthetic leather, fake leather, leatherette,
        pleather, leathersoft, leathaire, leather air, air leather, microfiber leather, microfibre leather, eco
        leather, pvc leather, leather substitute, leather alternative, leather look fabric, tech leather,
        technology leather, leather like fabric, leather match
    fabric: fabric, textile, cloth, upholstery fabric, upholstered fabric, tufted fabric, tweed, corduroy, canvas,
        sherpa, burlap, silk, oxford cloth, faux suede, shearling, faux shearling,
        microsuede, olefin, nylon, herringbone fabric
    velvet: velvet, velour, velveteen
    linen: linen, flax linen, faux linen, linen blend
    cotton: cotton
    polyester: polyester, poly blend
    chenille: chenille
    boucle: boucle, teddy fabric
    wool: wool, woolen, woollen, lambswool
    microfiber: microfiber, microfibre
    suede: suede
    mesh: mesh
    faux fur: faux fur, fake fur, artificial fur
    glass: glass, tempered glass, toughened glass, frosted glass
    marble: marble, carrara
    granite: granite
    stone: stone, sandstone, limestone, travertine, slate, quartz, onyx stone, natural stone, sintered stone,
        bluestone, rock slab, terrazzo
    concrete: concrete, cement
    ceramic: ceramic, porcelain, stoneware, earthenware
    rattan: rattan, wicker, pe rattan, pe wicker, resin wicker, cane webbing, woven cane
    jute: jute, sisal
    seagrass: seagrass, sea grass, water hyacinth
    plastic: plastic, polypropylene, pp plastic, polyethylene, hdpe, abs, pvc, polystyrene, polycarbonate,
        fiberglass, fibreglass, resin, melamine, vinyl
    acrylic: acrylic, lucite, plexiglass, plexiglas
    foam: foam, memory foam, high density foam
    rubber: rubber, silicone
    cork: cork
    paper: paper, cardboard, paper rope
    """
)
"""Its own words for each; `WIDER` says what each is, too."""

STATED_MATERIALS: Mapping[str, tuple[str, ...]] = _phrases(
    """
    cherry: cherry
    ash: ash
    elm: elm
    fir: fir
    mango wood: mango
    rattan: cane
    acrylic: perspex
    """
)
"""What is one where a material is said, and elsewhere a fruit, what a fire leaves, or a walking stick."""

_WOODS = (
    "walnut, oak, pine, teak, acacia, mango wood, birch, beech, maple, cherry, mahogany, ash, cedar, rubberwood, "
    "rosewood, elm, poplar, fir, spruce, eucalyptus, paulownia, engineered wood"
)
_WITHIN = {
    "wood": _WOODS,
    "metal": "steel, iron, aluminum, brass, copper, bronze",
    "fabric": "velvet, linen, cotton, polyester, chenille, boucle, wool, microfiber, suede",
    "stone": "marble, granite",
    "plastic": "acrylic",
}
WIDER: Mapping[str, str] = {kind: family for family, kinds in _WITHIN.items() for kind in kinds.split(", ")}
"""What a material is a kind of, if it is: walnut is wood."""

_NEITHER = (
    "rust proof, rust resistant, rust free, rustproof, anti rust, white glove, green tea, orange juice, blue "
    "tooth, wine glass, wine glasses, looking glass, glass like, silver ware, silver lining, iron board, ironing "
    "board, paper towel, paper towels, toilet paper, wrapping paper, steel toe, rock n roll, red wine, white "
    "wine, glass cleaner, wood burning, wood stove, firewood, foam free, black friday, white noise, white board, "
    "whiteboard, blackboard, black board, walnut brown, oak brown, teak brown, cherry red, cork screw, chocolate "
    "bar, cream cheese, ice cream, rubber band, clear coat, tin foil"
)
"""Names that have the word, and mean neither its colour nor its material."""

_SEEMING_BEFORE = frozenset(["faux", "fake", "imitation", "artificial", "simulated", "imitated", "non", "mock"])
_SEEMING_AFTER = frozenset(["look", "looking", "like", "effect", "feel", "free"])
"""After a material's name: it only seems to be that."""
_PRINTED = frozenset([
    *("grain", "print", "printed", "pattern", "patterned", "textured", "texture", "stain", "stained"),
    *("color", "colour", "colored", "coloured", "tone", "toned", "finish", "finished"),
])  # fmt: skip
"""The same, but not of fabrics: those may well be printed and coloured."""
_SAID_AS_COLOR = frozenset(["color", "colour", "colored", "coloured", "tone", "toned", "finish", "finished", "stain"])
"""After a word that may be one: it is a colour here."""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s\-_‐‑–'’]+")


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    """Empty: something that names don't go across."""
    start: int
    end: int


def _folded(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text[:MAX_LETTERS]):
        word = match.group()
        found.append(_Token(_folded(word) if word[0].isalnum() else "", match.start(), match.end()))
    return found


_Lexicon = dict[tuple[str, ...], str]
"""What each phrase means; the empty text: nothing."""


def _lexicon(*tables: Mapping[str, Sequence[str]]) -> _Lexicon:
    lexicon: _Lexicon = {tuple(phrase.split()): "" for phrase in _NEITHER.split(", ")}
    for table in tables:
        lexicon |= {tuple(phrase.split()): family for family, phrases in table.items() for phrase in phrases}
    return lexicon


_WOOD_NAMES = {
    tuple(phrase.split()): ""
    for family, phrases in MATERIALS.items()
    if family in _WOODS.split(", ")
    for phrase in phrases
    if " " in phrase
}
"""A white oak isn't white."""
_COLOR_WORDS = _WOOD_NAMES | _lexicon(COLORS)
_STATED_COLOR_WORDS = _WOOD_NAMES | _lexicon(COLORS, STATED_COLORS)
_MATERIAL_WORDS = _lexicon(MATERIALS)
_STATED_MATERIAL_WORDS = _lexicon(MATERIALS, STATED_MATERIALS)
_MOST_WORDS = 4


def _match(words: Sequence[str], lexicon: _Lexicon) -> str | None:
    phrase = tuple(words)
    known = lexicon.get(phrase)
    if known is None and phrase[-1].endswith("s") and not phrase[-1].endswith("ss"):
        known = lexicon.get((*phrase[:-1], phrase[-1][:-1]))
    return known


def _find(tokens: list[_Token], lexicon: _Lexicon) -> Iterator[tuple[str, int, int]]:
    """Families, and which tokens name them; of names within each other the longest."""
    at = 0
    while at < len(tokens):
        for length in range(min(_MOST_WORDS, len(tokens) - at), 0, -1):
            family = _match([token.word for token in tokens[at : at + length]], lexicon)
            if family is not None:
                if family:
                    yield family, at, at + length
                at += length
                break
        else:
            at += 1


def _word(tokens: list[_Token], at: int) -> str:
    return tokens[at].word if at < len(tokens) else ""


def _only_seems(family: str, before: str, after: str) -> bool:
    if before in _SEEMING_BEFORE or after in _SEEMING_AFTER:
        return True
    return after in _PRINTED and "fabric" not in {family, WIDER.get(family)}


def colors_in(text: str, *, stated: bool = False) -> list[Mention]:
    """Where colours are named, in order.

    Args:
        stated: the text is somebody's answer to what colour it is, so that words count that elsewhere mean a thing.
    """
    tokens = _tokens(text)
    if stated:
        found = list(_find(tokens, _STATED_COLOR_WORDS))
    else:
        found = list(_find(tokens, _COLOR_WORDS))
        taken = {at for _, start, end in found for at in range(start, end)}
        for family, start, end in _find(tokens, _STATED_COLOR_WORDS):
            if start not in taken and _word(tokens, end) in _SAID_AS_COLOR:
                found.append((family, start, end))
    return [
        Mention(family, tokens[start].start, tokens[end - 1].end) for family, start, end in sorted(found, key=_place)
    ]


def _place(found: tuple[str, int, int]) -> int:
    return found[1]


def materials_in(text: str, *, stated: bool = False) -> list[Mention]:
    """Where materials are named, in order. Kinds only: `WIDER` says what else each is.

    Args:
        stated: the text is somebody's answer to what it is made of; see `colors_in`.
    """
    tokens = _tokens(text)
    found = []
    for family, start, end in _find(tokens, _STATED_MATERIAL_WORDS if stated else _MATERIAL_WORDS):
        if not _only_seems(family, tokens[start - 1].word if start else "", _word(tokens, end)):
            found.append(Mention(family, tokens[start].start, tokens[end - 1].end))
    return found


@lru_cache(maxsize=1024)
def color_families(text: str, *, stated: bool = False) -> tuple[str, ...]:
    """The colours that a text names, each once, in order."""
    return tuple(dict.fromkeys(mention.family for mention in colors_in(text, stated=stated)))


@lru_cache(maxsize=1024)
def material_families(text: str, *, stated: bool = False) -> tuple[str, ...]:
    """The materials that a text names, each once, in order; after each what it is a kind of."""
    found: dict[str, None] = {}
    for mention in materials_in(text, stated=stated):
        found[mention.family] = None
        if wider := WIDER.get(mention.family):
            found[wider] = None
    return tuple(found)
