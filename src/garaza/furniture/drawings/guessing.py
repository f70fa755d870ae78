"""How to draw a product that anybody sells: its kind by what it is called, the rest by what is known."""

from __future__ import annotations

import re

from garaza.furniture.drawings.look import Look
from garaza.furniture.products import Product

_WORDS = {
    "gaming_chair": "gaming chair|racing chair",
    "office_chair": "office chair|desk chair|task chair|ergonomic chair|computer chair|executive chair",
    "rocking_chair": "rocking chair|rocker|glider",
    "hanging_chair": "hanging chair|egg chair|hammock|swing",
    "bean_bag": "bean ?bag|lounge sack",
    "recliner": "recliners?|reclining chair|lift chair",
    "lounger": "sun ?loungers?|chaise lounge|deck chair|pool lounger",
    "sofa_bed": "sofa ?beds?|sleeper|futons?|pull-?out|convertible sofa",
    "outdoor_set": "patio (?:conversation )?sets?|conversation set|outdoor (?:sofa|sectional)|garden lounge",
    "bistro_set": "bistro|caf[eé] set|balcony (?:table|set)",
    "outdoor_dining": "outdoor dining|picnic|patio (?:dining|table)|garden table",
    "sectional": "sectionals?|corner sofa|l-?shaped",
    "loveseat": "love ?seats?|two-?seater|2-?seat(?:er)?|small couch",
    "sofa": "sofas?|couch(?:es)?|settees?",
    "ottoman": "ottomans?|poufs?|footstools?|hassocks?",
    "bar_stool": "bar ?stools?|counter (?:height )?stools?|island stool",
    "step_stool": "step (?:stool|ladder)|two-step",
    "dining_chair": "dining chairs?|kitchen chairs?|side chairs?|folding chairs?",
    "armchair": "arm ?chairs?|accent chairs?|lounge chairs?|easy chairs?|club chairs?|chairs?",
    "stool": "stools?",
    "bench": "bench(?:es)?",
    "kids_table": "kids.? table|children.?s desk|toddler table|activity table",
    "standing_desk": "standing desk|sit-?stand|height-?adjustable desk|electric desk",
    "vanity": "vanity table|makeup vanity|dressing table|vanities",
    "desk": "desks?|workstation",
    "coffee_table": "coffee tables?|cocktail tables?|low tables?|sofa tables?",
    "nesting_tables": "nesting|stacking side tables",
    "console_table": "console tables?|hall tables?|entry(?:way)? tables?|sofa-back table",
    "side_table": "side tables?|end tables?|occasional table|drink table|c-shaped|accent table",
    "folding_table": "folding table|drop-?leaf table|gateleg|card table",
    "changing_table": "changing (?:table|top)|diaper",
    "dining_table": "dining tables?|kitchen tables?|dinner table|farm table|tables?",
    "bunk_bed": "bunk|loft bed|high sleeper|cabin bed",
    "daybed": "day ?beds?|chaise",
    "dog_crate": "crate|litter box",
    "pet_bed": "(?:dog|pet|cat) (?:beds?|sofa|cave)",
    "cat_tree": "cat (?:trees?|tower|condo)|scratching",
    "crib": "cribs?|baby cot|bassinet",
    "headboard": "headboards?",
    "mattress": "mattress(?:es)?",
    "bed": "beds?|bed ?frames?|bedstead",
    "nightstand": "night ?stands?|bedside (?:table|cabinet)|night table",
    "bathroom_cabinet": "bathroom|medicine cabinet|over-?toilet",
    "pantry_cabinet": "pantry|larder|kitchen cupboard|microwave",
    "display_cabinet": "display cabinets?|curio|china cabinet|vitrine",
    "filing_cabinet": "filing|file cabinet|pedestal",
    "shoe_rack": "shoe",
    "wine_rack": "wine|bottle rack",
    "bar_cart": "bar carts?|drinks trolley|serving cart",
    "kitchen_cart": "kitchen (?:carts?|islands?)|rolling island|trolley",
    "wardrobe": "wardrobes?|armoires?|closets?",
    "toy_storage": "toy|kids.? bookshelf",
    "dresser": "dressers?|chests? of drawers|bureau|tallboy|drawers",
    "tv_stand": "tv|television|media console|entertainment cent",
    "sideboard": "sideboards?|buffets?|credenzas?",
    "bookcase": "bookcases?|bookshel(?:f|ves)|library",
    "wall_shelf": "wall shel(?:f|ves)|floating shel(?:f|ves)|picture ledge",
    "shelving_unit": "shelving|étagère|etagere|storage rack|cube|shel(?:f|ves)|rack",
    "coat_stand": "coat (?:stand|rack|tree)|hall tree|clothes stand",
    "wall_hooks": "hooks?|peg rail",
    "deck_box": "deck box|garden storage|cushion chest",
    "laundry_hamper": "laundry|hamper",
    "magazine_rack": "magazine|newspaper",
    "plant_stand": "plant|planter|flower stand",
    "room_divider": "divider|screen|partition",
    "storage_box": "baskets?|boxe?s?|trunk|bins?",
    "floor_lamp": "floor lamps?|standing lamp|arc lamp|uplighter|torchiere",
    "pendant": "pendants?|chandeliers?|ceiling|hanging lamp",
    "table_lamp": "table lamps?|desk lamps?|bedside lamps?|lamps?|lights?",
    "mirror": "mirrors?",
    "rug": "rugs?|carpets?|runners?|mat",
    "curtains": "curtains?|drapes|window panels",
    "cushion": "cushions?|pillows?",
    "throw": "throws?|blankets?|plaid",
}
"""The longest name counts, and of two that are as long the one that is here first."""
_KINDS = tuple((kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for kind, words in _WORDS.items())
_TAIL = re.compile(r"\s(?:with|for|in|of)\s", re.IGNORECASE)
_HUES = {
    "black": "#2b2b2d", "white": "#f6f5f1", "gray": "#9a9da1", "beige": "#dfd1b8", "brown": "#8a6242", "red": "#a8403c",
    "pink": "#dfb1ab", "orange": "#c77240", "yellow": "#d6ab3c", "gold": "#c4a04e", "green": "#5f7f5f", "blue": "#44658f",
    "purple": "#74537a", "silver": "#b9bec3", "bronze": "#8d6a42", "multicolor": "#cf8a5b", "clear": "#cfe2e6",
}  # fmt: skip
_SORTS = {
    "wood": "wood",
    "rattan": "weave",
    "jute": "weave",
    "seagrass": "weave",
    "metal": "metal",
    "stone": "stone",
    "fabric": "fabric",
}
_SOFT = {"leather", "faux leather", "mesh", "foam", "faux fur"}
_USUAL = {
    "rug": (160, 230, 1),
    "throw": (130, 170, 1),
    "curtains": (140, 1, 250),
    "mirror": (60, 4, 120),
    "pendant": (45, 45, 35),
}
_LENGTHS = (5.0, 400.0)


def look_of(product: Product) -> Look:
    """Good enough to tell a sofa from a lamp in a list. Of what has no known name: a parcel."""
    kind = _kind(product)
    width, depth, height = _USUAL.get(kind, (90, 60, 80))
    sort = next((_SORTS[name] for name in product.materials if name in _SORTS), "")
    hue = next(
        (_HUES[name] for name in product.colors if name in _HUES),
        "#d3b184" if sort in {"", "wood", "weave"} else "#b7b0a4",
    )
    return Look(
        kind=kind,
        hue=hue,
        sort=sort or ("fabric" if _SOFT & set(product.materials) else "other"),
        width_cm=_bounded(product.width_cm, width),
        depth_cm=_bounded(product.depth_cm, depth),
        height_cm=_bounded(product.height_cm, height),
    )


def _kind(product: Product) -> str:
    # What comes after "with" it only has, and "for" isn't what it is.
    for text in (_TAIL.split(product.title)[0], product.title, *reversed(product.categories)):
        found = [(-len(match[0]), place) for place, (_, words) in enumerate(_KINDS) if (match := words.search(text))]
        if found:
            return _KINDS[min(found)[1]][0]
    return ""


def _bounded(length: float | None, usual: float) -> float:
    least, most = _LENGTHS
    return min(max(usual if length is None else length, least if usual > least else 0.2), most)
