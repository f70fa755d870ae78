"""Typing errors, what isn't wanted, and many wishes at once."""

from __future__ import annotations

from benchmarks.relevance.questions.looks import CABINETS, LAMPS, TABLES
from benchmarks.relevance.questions.things import SEATS, SOFAS
from benchmarks.relevance.rules import (
    Question,
    Rule,
    can,
    color,
    cost,
    has,
    kind,
    made,
    mostly,
    natural,
    shade,
    size,
    style,
    use,
    width,
)  # fmt: skip


def _typo(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("typo", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


def _not(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("negation", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


def _all(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("combination", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


_VEGAN = ~made("leather")

QUESTIONS = (
    _typo("matress", kind("mattress")),
    _typo("nigthstand", kind("nightstand"), None, kind("side_table")),
    _typo("armchiar", kind("armchair"), kind("recliner", "rocking_chair"), None),
    _typo("bookcse", kind("bookcase"), kind("shelving_unit", "wall_shelf"), None),
    _typo("dinning tabel", kind("dining_table"), None, kind("folding_table", "outdoor_dining")),
    _typo(
        "scandanavian bokshelf",
        kind("bookcase") & style("scandinavian"),
        kind("shelving_unit", "wall_shelf") & style("scandinavian"),
        kind("bookcase"),
    ),
    _typo(
        "mid centruy desk",
        kind("desk") & style("mid_century"),
        kind("standing_desk", "vanity", "filing_cabinet") & style("mid_century"),
        kind("desk"),
    ),
    _typo("velvit sofa", SOFAS & mostly("velvet"), SEATS & mostly("velvet"), SOFAS),
    _typo(
        "leathr reclyner",
        kind("recliner") & mostly("leather"),
        kind("recliner") & mostly("faux_leather"),
        kind("recliner"),
    ),
    _typo("chandalier", kind("pendant"), None, LAMPS),
    _typo("curtians blakout", kind("curtains") & has("blackout"), None, kind("curtains")),
    _typo(
        "otoman with storge", kind("ottoman") & has("storage"), None, kind("ottoman") | kind("bench") & has("storage")
    ),
    _typo("wardrob", kind("wardrobe")),
    _typo("bistrot set", kind("bistro_set"), None, kind("outdoor_dining", "outdoor_set")),
    _typo(
        "coffe table walnutt",
        kind("coffee_table") & mostly("walnut"),
        kind("coffee_table") & mostly("acacia", "mango", "oak"),
        kind("coffee_table") | TABLES & mostly("walnut"),
    ),
    _typo("fjordvail lamp", Rule(lambda product, _: product.brand == "Fjordvale") & LAMPS, None, LAMPS),
    _typo("ofice chiar ergonomc", kind("office_chair") & has("lumbar"), kind("office_chair"), kind("gaming_chair")),
    _typo("shoe cabnet", kind("shoe_rack") & has("doors"), kind("shoe_rack"), None),
    _not("sofa but not leather", SOFAS & _VEGAN & ~made("faux_leather"), SOFAS & _VEGAN, None),
    _not("coffee table without glass", kind("coffee_table") & ~made("glass"), None, TABLES & ~made("glass")),
    _not("rug that isn't grey", kind("rug") & ~color("gray"), None, None),
    _not("dining chair, no metal", kind("dining_chair") & ~made("steel", "brass", "iron", "aluminium"), None, None),
    _not("wardrobe without mirror", kind("wardrobe") & ~has("mirror_door"), None, None),
    _not("desk without drawers", kind("desk", "standing_desk") & ~has("drawers"), None, None),
    _not(
        "black bookcase not industrial",
        kind("bookcase") & color("black") & ~style("industrial"),
        kind("shelving_unit") & color("black") & ~style("industrial"),
        kind("bookcase") & ~style("industrial"),
    ),
    _not("bed frame not upholstered", kind("bed") & ~mostly("velvet", "linen", "boucle", "faux_leather"), None, None),
    _not(
        "non-wood nightstand",
        kind("nightstand") & mostly("steel", "velvet"),
        None,
        kind("side_table") & mostly("steel", "glass", "marble", "ceramic", "travertine"),
    ),
    _not("lamp not made of metal", LAMPS & ~made("steel", "brass", "iron"), None, None),
    _not(
        "office chair without armrests",
        kind("office_chair") & has("armless"),
        kind("office_chair") & has("flip_arms"),
        kind("stool", "dining_chair"),
    ),
    _not(
        "outdoor set without wicker",
        kind("outdoor_set") & ~made("resin_wicker"),
        kind("outdoor_dining", "bistro_set") & ~made("resin_wicker"),
        None,
    ),
    _not(
        "white sideboard not by Corvanne",
        kind("sideboard") & color("white") & Rule(lambda product, _: product.brand != "Corvanne"),
        None,
        kind("sideboard") & Rule(lambda product, _: product.brand != "Corvanne"),
    ),
    _not(
        "armchair not in beige or white",
        kind("armchair") & ~color("beige", "white"),
        SEATS & ~color("beige", "white"),
        None,
    ),
    _all(
        "green velvet sofa with gold legs",
        SOFAS & color("green") & made("velvet") & made("brass"),
        SOFAS & color("green") | SOFAS & made("velvet") & made("brass"),
        SOFAS & made("velvet"),
    ),
    _all(
        "small white desk with drawers",
        kind("desk") & color("white") & has("drawers"),
        kind("desk") & has("drawers") & width(most=125) | kind("desk") & color("white"),
        kind("desk") & has("drawers"),
    ),
    _all(
        "round oak dining table for four",
        kind("dining_table") & size("round") & mostly("oak"),
        kind("dining_table") & size("round"),
        kind("dining_table") & (mostly("oak") | size("seats 4")),
    ),
    _all(
        "industrial bookcase in metal and wood",
        kind("bookcase", "shelving_unit") & style("industrial") & made("steel", "iron") & made("acacia", "mango"),
        kind("bookcase", "shelving_unit") & (style("industrial") | made("steel", "iron") & made("acacia", "mango")),
        kind("bookcase", "shelving_unit") & made("steel", "iron"),
    ),
    _all(
        "black leather office chair with headrest",
        kind("office_chair") & color("black") & made("leather", "faux_leather") & has("headrest"),
        kind("office_chair") & (color("black") & made("leather", "faux_leather") | has("headrest")),
        kind("office_chair") & color("black") | kind("gaming_chair"),
    ),
    _all(
        "folding table and chairs for two, weatherproof",
        kind("bistro_set") & has("foldable"),
        kind("bistro_set"),
        kind("folding_table") | kind("outdoor_dining") & has("foldable"),
    ),
    _all(
        "hanging lamp with glass and brass",
        kind("pendant") & made("glass") & made("brass"),
        kind("pendant") & made("glass", "brass"),
        LAMPS & made("glass", "brass"),
    ),
    _all(
        "coffee table under $150 with storage",
        kind("coffee_table") & cost(most=150) & can("storage", "drawers", "lift_top"),
        kind("coffee_table") & can("storage", "drawers", "lift_top"),
        kind("coffee_table") & cost(most=150),
    ),
    _all(
        "scandinavian nightstand in light wood",
        kind("nightstand") & style("scandinavian") & mostly("oak", "pine", "bamboo") & natural(),
        kind("nightstand") & (style("scandinavian", "japandi") | mostly("oak", "pine", "bamboo") & natural()),
        kind("nightstand"),
    ),
    _all(
        "art deco velvet bed in emerald or navy",
        kind("bed", "headboard") & style("art_deco") & made("velvet") & shade("emerald", "navy"),
        kind("bed", "headboard") & made("velvet"),
        kind("bed") & style("art_deco"),
    ),
    _all(
        "washable rug for a house with dogs",
        kind("rug") & has("washable") & use("pets"),
        kind("rug") & (has("washable") | use("pets")),
        kind("rug") & can("stain_resistant", "non_slip"),
    ),
    _all(
        "japandi sideboard with sliding doors",
        kind("sideboard") & style("japandi") & has("sliding_doors"),
        kind("sideboard") & (style("japandi") | has("sliding_doors")),
        kind("tv_stand") & style("japandi") | kind("sideboard"),
    ),
    _all(
        "queen bed with drawers and usb",
        kind("bed") & size("queen") & has("storage", "usb"),
        kind("bed") & (has("storage") | has("usb")),
        kind("bed") & size("queen"),
    ),
    _all(
        "white shoe cabinet for a narrow hallway",
        kind("shoe_rack") & color("white") & use("narrow_hall"),
        kind("shoe_rack") & (color("white") | use("narrow_hall")),
        kind("shoe_rack"),
    ),
    _all(
        "adjustable desk in bamboo",
        kind("standing_desk") & mostly("bamboo"),
        kind("standing_desk"),
        kind("desk") & mostly("bamboo"),
    ),
    _all(
        "grey corner sofa with storage",
        kind("sectional") & color("gray") & has("storage"),
        kind("sectional") & (color("gray") | has("storage")),
        kind("sectional") | kind("sofa_bed") & has("storage"),
    ),
    _all(
        "sleeper sofa in blue for a small room",
        kind("sofa_bed") & color("blue") & use("small_space"),
        kind("sofa_bed") & (color("blue") | use("small_space") | size("single")),
        kind("sofa_bed") | kind("loveseat") & color("blue"),
    ),
    _all(
        "mid century walnut tv stand with sliding doors",
        kind("tv_stand") & style("mid_century") & mostly("walnut"),
        kind("tv_stand") & (style("mid_century") | mostly("walnut") | has("sliding_doors")),
        CABINETS & style("mid_century") & mostly("walnut"),
    ),
    _all(
        "kids bunk bed white with drawers",
        kind("bunk_bed") & color("white") & has("drawers"),
        kind("bunk_bed") & (color("white") | has("drawers")),
        kind("bunk_bed"),
    ),
    _all(
        "extendable farmhouse table",
        kind("dining_table") & style("farmhouse") & can("extendable", "drop_leaf"),
        kind("dining_table") & (style("farmhouse") | can("extendable", "drop_leaf")),
        kind("dining_table", "folding_table"),
    ),
    _all(
        "dimmable brass floor lamp art deco",
        kind("floor_lamp") & made("brass") & (has("dimmable") | style("art_deco")),
        kind("floor_lamp") & made("brass") | LAMPS & style("art_deco") & made("brass"),
        LAMPS & made("brass") | kind("floor_lamp") & has("dimmable"),
    ),
    _all(
        "modular shelves for records in oak or pine",
        kind("shelving_unit", "bookcase") & use("records") & mostly("oak", "pine"),
        kind("shelving_unit", "bookcase", "sideboard") & use("records") | kind("shelving_unit") & has("modular"),
        kind("shelving_unit") | kind("bookcase") & mostly("oak", "pine"),
    ),
    _all(
        "lockable filing cabinet on wheels",
        kind("filing_cabinet") & has("lockable", "wheels"),
        kind("filing_cabinet") & can("lockable", "wheels"),
        kind("filing_cabinet"),
    ),
    _all(
        "coastal linen armchair light blue",
        kind("armchair") & style("coastal") & color("blue"),
        kind("armchair") & (style("coastal") | color("blue")),
        SEATS & color("blue") | kind("armchair") & made("linen"),
    ),
)
