"""Plain kinds, sizes, and brands."""

from __future__ import annotations

from benchmarks.relevance.rules import Question, Rule, brand, cost, depth, has, height, kind, size, use, width

SOFAS = kind("sofa", "sectional", "loveseat", "sofa_bed")
SEATS = kind("armchair", "recliner", "rocking_chair")


def _plain(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("plain", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


def _size(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("size", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


def _brand(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("brand", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


QUESTIONS = (
    _plain("couch", kind("sofa"), kind("sectional", "loveseat", "sofa_bed"), kind("daybed", "outdoor_set")),
    _plain("settee", kind("sofa", "loveseat"), kind("sectional", "sofa_bed"), kind("daybed")),
    _plain("easy chair", kind("armchair"), kind("recliner", "rocking_chair"), kind("bean_bag")),
    _plain("nightstand", kind("nightstand"), None, kind("side_table")),
    _plain(
        "chest of drawers", kind("dresser"), None, kind("nightstand", "sideboard", "filing_cabinet", "changing_table")
    ),
    _plain("somewhere to hang coats", kind("coat_stand", "wall_hooks"), None, kind("wardrobe", "bench")),
    _plain("closet for clothes", kind("wardrobe"), kind("dresser"), kind("coat_stand")),
    _plain("bookshelf", kind("bookcase"), kind("shelving_unit", "wall_shelf"), kind("toy_storage", "display_cabinet")),
    _plain("credenza", kind("sideboard"), kind("tv_stand"), kind("dresser", "display_cabinet", "console_table")),
    _plain("television cabinet", kind("tv_stand"), kind("sideboard"), None),
    _plain("carpet", kind("rug")),
    _plain("drapes", kind("curtains")),
    _plain("chandelier", kind("pendant"), None, kind("floor_lamp", "table_lamp")),
    _plain("footrest for the sofa", kind("ottoman"), None, kind("stool")),
    _plain("baby bed", kind("crib"), None, kind("changing_table", "bunk_bed")),
    _plain("dog furniture", kind("pet_bed", "dog_crate"), None, kind("cat_tree")),
    _plain("hammock", kind("hanging_chair"), None, kind("lounger")),
    _plain("sunbed", kind("lounger"), None, kind("hanging_chair")),
    _plain("mirror", kind("mirror"), None, kind("vanity") | has("mirror_door")),
    _plain("folding screen", kind("room_divider")),
    _plain("blanket", kind("throw"), None, kind("cushion")),
    _plain("drinks trolley", kind("bar_cart"), kind("kitchen_cart"), kind("wine_rack")),
    _size(
        "sofa less than 200 cm wide",
        kind("sofa", "loveseat") & width(most=200),
        kind("sofa_bed") & width(most=200),
        SOFAS & width(most=215),
    ),
    _size(
        "couch at least 2.4 m long",
        kind("sofa", "sectional") & width(240),
        SOFAS & width(225),
        kind("sofa", "sectional") & width(205),
    ),
    _size(
        "bookcase for a 45 cm wide gap",
        kind("bookcase") & width(most=45),
        kind("display_cabinet", "shelving_unit") & width(most=45),
        kind("bookcase") & width(most=50),
    ),
    _size(
        "low bookcase under 100 cm high",
        kind("bookcase") & height(most=100),
        kind("toy_storage", "shelving_unit") & height(most=100),
        kind("bookcase"),
    ),
    _size(
        "dining table for eight people",
        kind("dining_table") & size("seats 8"),
        kind("outdoor_dining") & size("seats 8") | kind("dining_table") & has("extendable"),
        kind("dining_table") & width(170),
    ),
    _size(
        "king size bed frame",
        kind("bed") & size("king"),
        None,
        kind("bed", "headboard", "mattress") & (size("queen") | size("king")),
    ),
    _size("twin mattress", kind("mattress") & size("twin"), None, kind("mattress")),
    _size("queen mattress", kind("mattress") & size("queen"), None, kind("mattress")),
    _size(
        "desk no wider than 1 meter",
        kind("desk") & width(most=100),
        kind("kids_table", "vanity") & width(most=100),
        kind("desk") & width(most=115),
    ),
    _size("hallway table less than 30 cm deep", kind("console_table") & depth(most=30), None, kind("console_table")),
    _size(
        "tv bench for a 75 inch screen",
        kind("tv_stand") & size("75"),
        kind("tv_stand") & (size("65") | width(170)),
        kind("tv_stand"),
    ),
    _size("rug 200 x 300", kind("rug") & size("200 × 300"), None, kind("rug") & size("160 × 230")),
    _size("big round mirror", kind("mirror") & size("round"), None, kind("mirror") & size("large")),
    _size("extra large dog bed", kind("pet_bed") & size("XL"), kind("pet_bed") & size("L"), kind("pet_bed")),
    _size("wardrobe about one metre wide", kind("wardrobe") & width(92, 110), None, kind("wardrobe")),
    _size(
        "tall slim cabinet for the bathroom",
        kind("bathroom_cabinet") & size("tall"),
        kind("bathroom_cabinet") & width(most=45),
        kind("bathroom_cabinet"),
    ),
    _size(
        "tiny side table 40 cm",
        kind("side_table") & width(36, 44),
        kind("nightstand", "stool") & width(most=44),
        kind("side_table"),
    ),
    _size(
        "coffee table 120 cm",
        kind("coffee_table") & width(114, 126),
        kind("coffee_table") & width(105, 135),
        kind("coffee_table"),
    ),
    _size(
        "two metre tall bookshelf",
        kind("bookcase") & height(190, 212),
        kind("bookcase", "shelving_unit", "display_cabinet") & height(175),
        kind("bookcase"),
    ),
    _size(
        "stool 65 cm high for the kitchen counter",
        kind("bar_stool") & height(60, 72),
        kind("bar_stool") & size("counter"),
        kind("bar_stool"),
    ),
    _brand("Fjordvale", brand("Fjordvale")),
    _brand("pawsonby pet furniture", brand("Pawsonby"), None, kind("pet_bed", "dog_crate", "cat_tree")),
    _brand(
        "Haldenwald desk",
        brand("Haldenwald") & kind("desk", "standing_desk"),
        brand("Haldenwald") & kind("office_chair", "filing_cabinet"),
        brand("Haldenwald") | kind("desk"),
    ),
    _brand(
        "lamp by Lumenvik",
        brand("Lumenvik") & kind("floor_lamp", "table_lamp", "pendant"),
        None,
        brand("Lumenvik") | kind("floor_lamp", "table_lamp", "pendant"),
    ),
    _brand(
        "Sundelune garden",
        brand("Sundelune")
        & kind("outdoor_set", "bistro_set", "outdoor_dining", "lounger", "hanging_chair", "deck_box"),
        brand("Sundelune"),
        use("garden") | kind("outdoor_set", "bistro_set", "outdoor_dining", "lounger", "hanging_chair"),
    ),
    _brand(
        "Greywether throws and cushions",
        brand("Greywether") & kind("throw", "cushion"),
        brand("Greywether") & kind("curtains", "rug"),
        brand("Greywether") | kind("throw", "cushion"),
    ),
    _brand(
        "Corvanne storage",
        brand("Corvanne")
        & kind(
            "bookcase",
            "shelving_unit",
            "sideboard",
            "wardrobe",
            "dresser",
            "shoe_rack",
            "storage_box",
            "bathroom_cabinet",
            "tv_stand",
            "pantry_cabinet",
            "display_cabinet",
            "wall_shelf",
            "deck_box",
        ),
        brand("Corvanne") & has("drawers"),
        brand("Corvanne"),
    ),
    _brand(
        "something for the nursery from Stellanook",
        brand("Stellanook") & (kind("crib", "changing_table") | use("nursery")),
        brand("Stellanook"),
        kind("crib", "changing_table"),
    ),
    _brand(
        "palmquist and orr chair",
        brand("Palmquist & Orr") & (SEATS | kind("office_chair", "dining_chair", "gaming_chair", "bar_stool")),
        brand("Palmquist & Orr") & kind("loveseat", "sofa"),
        brand("Palmquist & Orr"),
    ),
    _brand(
        "Ironmoor shelves",
        brand("Ironmoor & Sons") & kind("bookcase", "shelving_unit", "wall_shelf"),
        brand("Ironmoor & Sons") & kind("sideboard", "tv_stand", "display_cabinet"),
        brand("Ironmoor & Sons") | kind("bookcase", "shelving_unit", "wall_shelf"),
    ),
    _brand(
        "okaloume rug",
        brand("Okaloumé") & kind("rug"),
        brand("Okaloumé") & kind("throw", "cushion", "curtains"),
        brand("Okaloumé") | kind("rug"),
    ),
    _brand("cheap Larkspindle furniture under $100", brand("Larkspindle") & cost(most=100), None, brand("Larkspindle")),
)
