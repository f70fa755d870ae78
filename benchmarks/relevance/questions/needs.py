"""What somebody wants to do with it."""

from __future__ import annotations

from benchmarks.relevance.questions.things import SEATS, SOFAS
from benchmarks.relevance.rules import Question, Rule, can, has, kind, made, mostly, size, use, width

_OUTSIDE = kind("bistro_set", "lounger", "hanging_chair", "outdoor_set", "outdoor_dining", "deck_box")


def _use(text: str, exact: Rule, fine: Rule | None = None, near: Rule | None = None) -> Question:
    return Question("use", text, {3: exact} | ({2: fine} if fine else {}) | ({1: near} if near else {}))


QUESTIONS = (
    _use(
        "furniture for a small balcony",
        _OUTSIDE & use("balcony"),
        kind("bistro_set") | use("balcony"),
        _OUTSIDE & ~use("poolside"),
    ),
    _use(
        "cosy chair to read novels in",
        SEATS & use("reading"),
        SEATS | kind("hanging_chair", "bean_bag", "daybed") & use("reading"),
        kind("bean_bag", "daybed") | use("reading"),
    ),
    _use(
        "light for reading in bed",
        kind("table_lamp") & use("reading", "bedroom_calm"),
        kind("table_lamp") | kind("floor_lamp") & use("reading"),
        kind("floor_lamp"),
    ),
    _use(
        "where can my parents sleep when they visit",
        kind("sofa_bed", "daybed") & use("guests"),
        kind("sofa_bed", "daybed") | has("trundle"),
        use("guests"),
    ),
    _use("couch that turns into a bed", kind("sofa_bed"), kind("daybed"), None),
    _use(
        "chair for breastfeeding a baby",
        kind("rocking_chair") & use("nursery"),
        kind("rocking_chair") | kind("armchair") & use("nursery"),
        kind("armchair"),
    ),
    _use("place to change diapers", kind("changing_table"), None, kind("crib") | kind("dresser") & use("nursery")),
    _use(
        "chair for someone with chronic back pain",
        kind("office_chair", "recliner", "gaming_chair") & (use("back_support") | has("lumbar")),
        kind("recliner") | kind("office_chair"),
        use("back_support"),
    ),
    _use("mattress for bad backs", kind("mattress") & use("back_support"), kind("mattress"), use("back_support")),
    _use(
        "I sweat at night, which mattress",
        kind("mattress") & (use("hot_sleepers") | has("cooling")),
        kind("mattress"),
        use("hot_sleepers"),
    ),
    _use(
        "home office setup for video meetings",
        kind("desk", "standing_desk", "office_chair") & use("home_office"),
        kind("desk", "standing_desk", "office_chair"),
        use("home_office"),
    ),
    _use("work standing up", kind("standing_desk"), None, kind("desk")),
    _use(
        "furniture for a tiny studio apartment",
        use("small_space") & (can("foldable", "converts", "nests", "storage", "wall_mounted") | kind("loveseat")),
        use("small_space"),
        can("converts", "nests") | kind("folding_table"),
    ),
    _use(
        "something to hide the kids' toys",
        kind("toy_storage") | kind("storage_box", "ottoman") & use("kids", "hide_clutter"),
        kind("storage_box") | has("storage") & kind("ottoman", "bench"),
        use("hide_clutter"),
    ),
    _use(
        "desk for a school child",
        kind("kids_table"),
        kind("desk") & use("students") | has("desk_below"),
        kind("desk", "standing_desk"),
    ),
    _use(
        "where to keep my vinyl collection",
        use("records") & kind("shelving_unit", "sideboard", "tv_stand", "bookcase"),
        use("records"),
        kind("shelving_unit"),
    ),
    _use(
        "entry hall furniture to take off shoes",
        kind("bench") & (use("entryway") | has("shoe_shelf")),
        kind("bench", "shoe_rack") | kind("coat_stand") & size("bench"),
        use("entryway") | kind("coat_stand"),
    ),
    _use(
        "storage for a narrow corridor",
        use("narrow_hall") & kind("shoe_rack", "console_table", "bench", "coat_stand", "wall_hooks"),
        use("narrow_hall"),
        kind("shoe_rack", "console_table"),
    ),
    _use(
        "chair for playing video games",
        kind("gaming_chair") | use("gaming") & kind("bean_bag", "recliner"),
        kind("office_chair") & can("headrest", "lumbar") | kind("bean_bag"),
        use("gaming"),
    ),
    _use(
        "seat for watching movies with the whole family",
        SOFAS & use("movie_night", "family"),
        kind("sectional") | kind("recliner") & use("movie_night"),
        SOFAS | use("movie_night"),
    ),
    _use(
        "sofa that survives cats and dogs",
        SOFAS & use("pets"),
        SOFAS & can("stain_resistant", "removable_covers"),
        SOFAS | use("pets"),
    ),
    _use("my cat needs something to climb and scratch", kind("cat_tree"), None, kind("pet_bed")),
    _use("nicer looking cage for a dog", kind("dog_crate"), None, kind("pet_bed")),
    _use(
        "chair that grandma can get up from easily",
        kind("recliner", "armchair", "rocking_chair") & use("seniors"),
        kind("recliner") | use("seniors"),
        SEATS,
    ),
    _use(
        "table for dinner parties",
        kind("dining_table") & (use("entertaining") | has("extendable")),
        kind("dining_table") & width(170) | kind("sideboard", "bar_cart") & use("entertaining"),
        kind("dining_table") | use("entertaining"),
    ),
    _use(
        "seating for breakfast at the kitchen counter",
        kind("bar_stool") & use("breakfast"),
        kind("bar_stool"),
        use("breakfast"),
    ),
    _use("extra worktop for a rental kitchen", kind("kitchen_cart"), None, kind("pantry_cabinet", "folding_table")),
    _use(
        "help me sleep when the streetlight is bright",
        kind("curtains") & has("blackout"),
        kind("curtains") & use("bedroom_calm", "nursery"),
        kind("curtains"),
    ),
    _use(
        "keep my feet warm on tiles",
        kind("rug") & (use("cold_floors") | has("thick_pile")),
        kind("rug") & ~mostly("jute", "seagrass"),
        kind("rug") | use("cold_floors"),
    ),
    _use(
        "display for houseplants",
        kind("plant_stand"),
        use("plants") & kind("shelving_unit", "wall_shelf", "bookcase", "stool", "side_table", "console_table"),
        use("plants"),
    ),
    _use("by the swimming pool", _OUTSIDE & use("poolside"), kind("lounger"), _OUTSIDE),
    _use(
        "garden party seating",
        kind("outdoor_set", "outdoor_dining") & use("entertaining", "family", "garden"),
        kind("outdoor_set", "outdoor_dining", "bistro_set"),
        _OUTSIDE & use("garden"),
    ),
    _use("dry place for patio cushions", kind("deck_box"), None, kind("outdoor_set") & has("storage")),
    _use(
        "bed for an attic room with a slanted roof",
        kind("bed") & use("sloped_ceiling"),
        kind("bed") & size("twin", "full"),
        kind("bed"),
    ),
    _use(
        "bed with room for blankets underneath",
        kind("bed", "daybed", "sofa_bed") & has("storage"),
        kind("bunk_bed") & has("drawers"),
        kind("bed"),
    ),
    _use("two siblings sharing a room", kind("bunk_bed"), None, kind("bed") & size("twin") | has("trundle")),
    _use("separate my bed from the living area", kind("room_divider"), None, kind("curtains", "shelving_unit")),
    _use("first apartment student furniture", use("students"), None, use("renters") & ~kind("sectional")),
    _use(
        "easy to move furniture for people who rent",
        use("renters"),
        None,
        can("foldable", "no_tools") & use("small_space"),
    ),
    _use(
        "sewing and craft table",
        use("hobby") & kind("desk", "dining_table", "folding_table", "kids_table"),
        kind("folding_table", "desk"),
        use("hobby") | kind("dining_table"),
    ),
    _use(
        "office chair for a tall man",
        kind("office_chair", "gaming_chair") & use("tall_people"),
        kind("gaming_chair") | kind("office_chair") & size("executive"),
        kind("office_chair") | use("tall_people"),
    ),
    _use(
        "get ready in the morning, put on make up",
        kind("vanity"),
        None,
        kind("mirror") & use("bedroom_calm", "bathroom"),
    ),
    _use("cupboard for dirty clothes", kind("laundry_hamper"), None, kind("storage_box") & use("bathroom")),
    _use("reach the top shelf", kind("step_stool"), None, kind("stool")),
    _use(
        "show off my china and figurines",
        kind("display_cabinet"),
        None,
        kind("bookcase") & can("glass_doors") | kind("wall_shelf"),
    ),
    _use("store wine", kind("wine_rack") | has("bottle_rack"), None, kind("bar_cart")),
    _use(
        "snuggle up on cold evenings",
        kind("throw"),
        kind("cushion") & made("wool", "boucle"),
        use("cold_evenings", "movie_night") & SOFAS,
    ),
    _use(
        "quiet calm bedroom",
        use("bedroom_calm") & kind("bed", "nightstand", "headboard", "table_lamp", "curtains", "dresser", "wardrobe"),
        use("bedroom_calm"),
        kind("bed", "nightstand", "headboard"),
    ),
)
