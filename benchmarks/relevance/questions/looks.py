"""Styles, colours and materials."""

from __future__ import annotations

from benchmarks.relevance.questions.things import SEATS, SOFAS
from benchmarks.relevance.rules import Question, Rule, color, kind, made, mostly, natural, shade, style

TABLES = kind("dining_table", "coffee_table", "side_table", "console_table", "nesting_tables")
LAMPS = kind("floor_lamp", "table_lamp", "pendant")
CABINETS = kind("sideboard", "dresser", "tv_stand", "display_cabinet", "wardrobe")


def _style(text: str, what: Rule, how: Rule, near: Rule | None = None) -> Question:
    """Grade 2 has what was asked for in a related style, or the style on a related thing; given as `near`."""
    return Question("style", text, {3: what & how} | ({2: near} if near else {}) | {1: what})


def _color(text: str, what: Rule, how: Rule, near: Rule | None = None) -> Question:
    return Question("colour", text, {3: what & how} | ({2: near} if near else {}) | {1: what})


def _material(text: str, what: Rule, how: Rule, near: Rule | None = None) -> Question:
    return Question("material", text, {3: what & how} | ({2: near} if near else {}) | {1: what})


_RETRO = style("mid_century")
_NORTH = style("scandinavian")

QUESTIONS = (
    _style("mid century credenza", kind("sideboard", "tv_stand"), _RETRO, CABINETS & _RETRO),
    _style("retro armchair from the fifties", kind("armchair"), _RETRO, SEATS & _RETRO),
    _style("vintage look 60s sofa", SOFAS, _RETRO, SEATS & _RETRO),
    _style(
        "scandinavian dining chair",
        kind("dining_chair"),
        _NORTH,
        kind("dining_chair") & style("japandi") | kind("bar_stool") & _NORTH,
    ),
    _style("nordic bedroom furniture", kind("bed", "nightstand", "dresser", "wardrobe", "daybed", "headboard"), _NORTH),
    _style("hygge lamp", LAMPS, _NORTH, LAMPS & style("japandi")),
    _style(
        "industrial loft shelves",
        kind("bookcase", "shelving_unit", "wall_shelf"),
        style("industrial"),
        CABINETS & style("industrial"),
    ),
    _style(
        "factory style desk",
        kind("desk", "standing_desk"),
        style("industrial"),
        kind("filing_cabinet") & style("industrial"),
    ),
    _style(
        "rustic farmhouse kitchen table",
        kind("dining_table"),
        style("farmhouse"),
        kind("folding_table", "kitchen_cart") & style("farmhouse"),
    ),
    _style("country cottage sideboard", kind("sideboard"), style("farmhouse"), CABINETS & style("farmhouse")),
    _style(
        "japanese inspired low bed",
        kind("bed"),
        style("japandi"),
        kind("nightstand", "headboard", "dresser", "daybed") & style("japandi"),
    ),
    _style("wabi sabi coffee table", kind("coffee_table"), style("japandi"), TABLES & style("japandi")),
    _style("art deco armchair", kind("armchair"), style("art_deco"), (SEATS | SOFAS) & style("art_deco")),
    _style(
        "great gatsby glamour bar cart",
        kind("bar_cart"),
        style("art_deco"),
        kind("sideboard", "wine_rack") & style("art_deco"),
    ),
    _style("minimalist tv console", kind("tv_stand"), style("minimalist"), kind("sideboard") & style("minimalist")),
    _style(
        "very plain dining table without any ornament",
        kind("dining_table"),
        style("minimalist"),
        kind("dining_table") & style("japandi", "scandinavian"),
    ),
    _style("classic english sofa", SOFAS, style("traditional"), SEATS & style("traditional")),
    _style(
        "victorian style bed",
        kind("bed", "daybed"),
        style("traditional"),
        kind("nightstand", "wardrobe", "headboard") & style("traditional"),
    ),
    _style("bohemian rug", kind("rug"), style("boho"), kind("cushion", "throw", "curtains") & style("boho")),
    _style("boho hanging lamp", kind("pendant"), style("boho"), LAMPS & style("boho")),
    _style(
        "beach house bedroom",
        kind("bed", "nightstand", "dresser", "daybed", "headboard", "curtains", "wardrobe"),
        style("coastal"),
    ),
    _style(
        "nautical living room furniture", SOFAS | SEATS | TABLES | kind("rug", "cushion", "tv_stand"), style("coastal")
    ),
    _style("modern sectional", kind("sectional"), style("contemporary", "minimalist"), SOFAS & style("contemporary")),
    _style(
        "colorful furniture for a playroom",
        kind("toy_storage", "kids_table", "bean_bag", "bunk_bed"),
        style("playful"),
        kind("toy_storage", "kids_table"),
    ),
    _color("yellow sofa", SOFAS, color("yellow"), SOFAS & color("gold", "orange")),
    _color("navy couch", SOFAS, shade("navy"), SOFAS & color("blue")),
    _color(
        "green chair", SEATS | kind("dining_chair"), color("green"), kind("bar_stool", "office_chair") & color("green")
    ),
    _color(
        "blue velvet chair",
        SEATS | kind("dining_chair"),
        color("blue") & made("velvet"),
        (SEATS | kind("dining_chair")) & color("blue"),
    ),
    _color("white dresser", kind("dresser"), color("white"), kind("dresser") & color("beige")),
    _color("matte black floor lamp", kind("floor_lamp"), color("black"), LAMPS & color("black")),
    _color("grey rug", kind("rug"), color("gray")),
    _color("navy cushion", kind("cushion"), shade("navy"), kind("cushion") & color("blue")),
    _color("green drapes", kind("curtains"), color("green")),
    _color("dark red armchair", kind("armchair"), shade("burgundy"), SEATS & color("red", "purple")),
    _color("cream bouclé chair", SEATS, color("beige", "white") & made("boucle"), SEATS & color("beige", "white")),
    _color("blue curtains", kind("curtains"), color("blue")),
    _color("mirror with a black frame", kind("mirror"), shade("black")),
    _color("charcoal sectional", kind("sectional"), shade("charcoal"), SOFAS & color("gray")),
    _color("white kitchen trolley", kind("kitchen_cart"), color("white"), kind("bar_cart") & color("white")),
    _color("cognac armchair", kind("armchair"), shade("cognac"), SEATS & shade("caramel", "cognac", "rust")),
    _color(
        "light wood bookcase",
        kind("bookcase"),
        mostly("oak", "pine", "bamboo", "ash", "birch") & natural(),
        kind("shelving_unit", "wall_shelf") & mostly("oak", "pine", "bamboo", "birch") & natural(),
    ),
    _color(
        "dark wood nightstand",
        kind("nightstand"),
        mostly("walnut", "acacia", "mango") & natural() | shade("dark brown"),
        kind("nightstand", "dresser") & color("brown"),
    ),
    _color("blue rug for the living room", kind("rug"), color("blue")),
    _color(
        "olive green bedding or throws",
        kind("throw", "cushion"),
        shade("olive", "moss green", "sage"),
        kind("throw", "cushion") & color("green"),
    ),
    _material("genuine leather sofa", SOFAS, mostly("leather"), SEATS & mostly("leather")),
    _material(
        "vegan leather office chair",
        kind("office_chair", "gaming_chair"),
        mostly("faux_leather"),
        kind("armchair", "recliner") & mostly("faux_leather"),
    ),
    _material(
        "velvet dining chair", kind("dining_chair"), mostly("velvet"), kind("bar_stool", "armchair") & mostly("velvet")
    ),
    _material(
        "solid oak dining table",
        kind("dining_table"),
        mostly("oak"),
        kind("dining_table") & mostly("walnut", "ash", "pine", "acacia", "mango"),
    ),
    _material(
        "walnut desk",
        kind("desk", "standing_desk"),
        mostly("walnut"),
        kind("desk", "standing_desk") & mostly("acacia", "mango"),
    ),
    _material(
        "marble coffee table",
        kind("coffee_table"),
        made("marble"),
        TABLES & made("marble") | kind("coffee_table") & made("travertine"),
    ),
    _material("stone side table", kind("side_table", "coffee_table"), made("marble", "travertine", "concrete")),
    _material("glass dining table", kind("dining_table"), made("glass"), TABLES & made("glass")),
    _material(
        "rattan chair",
        SEATS | kind("dining_chair", "bar_stool", "hanging_chair"),
        made("rattan", "cane"),
        kind("outdoor_set", "hanging_chair") & made("resin_wicker"),
    ),
    _material("wool rug", kind("rug"), made("wool"), kind("throw") & made("wool")),
    _material("jute or sisal carpet", kind("rug"), made("jute"), kind("rug") & made("seagrass")),
    _material("linen curtains", kind("curtains"), made("linen")),
    _material(
        "teak garden furniture",
        kind("outdoor_dining", "lounger", "outdoor_set", "bistro_set"),
        made("teak"),
        kind("outdoor_dining", "lounger", "outdoor_set", "bistro_set") & made("acacia", "eucalyptus"),
    ),
    _material("wrought iron bed", kind("bed", "daybed"), mostly("iron"), kind("bed", "bunk_bed") & mostly("steel")),
    _material("bamboo shoe rack", kind("shoe_rack"), mostly("bamboo"), kind("shelving_unit") & mostly("bamboo")),
    _material("memory foam mattress", kind("mattress"), made("memory_foam"), None),
    _material("natural latex mattress", kind("mattress"), made("latex"), None),
    _material("paper lamp", LAMPS, made("paper")),
    _material("metal plant stand", kind("plant_stand"), mostly("steel", "iron", "brass")),
    _material(
        "fluffy teddy chair",
        SEATS | kind("ottoman", "bean_bag"),
        made("sherpa", "boucle"),
        kind("dining_chair", "bar_stool", "office_chair") & made("sherpa", "boucle"),
    ),
    _material(
        "corduroy couch", SOFAS, mostly("corduroy"), SEATS & mostly("corduroy") | kind("bean_bag") & mostly("corduroy")
    ),
    _material(
        "wicker baskets",
        kind("storage_box", "laundry_hamper"),
        made("rattan", "seagrass", "jute"),
        kind("magazine_rack") & made("rattan"),
    ),
    _material("concrete table", TABLES, made("concrete"), None),
    _material("brass table lamp", kind("table_lamp"), made("brass"), LAMPS & made("brass")),
)
