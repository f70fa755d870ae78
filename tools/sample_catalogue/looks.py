"""Styles, colours and materials."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How it looks."""

    names: tuple[str, ...]
    """As shops write it."""
    shades: tuple[str, ...]
    """That suit it."""
    legs: str
    """As pictures draw them."""
    sentences: tuple[str, ...]
    """That leave no doubt, mostly without its name. After a tilde: of what has a frame, legs, or fronts."""


STYLES: dict[str, Style] = {
    "mid_century": Style(
        ("Mid-Century Modern", "Mid Century", "Retro", "1950s"),
        ("mustard", "teal", "rust", "olive", "cognac", "walnut brown", "orange", "cream", "forest green"),
        "tapered",
        (
            "~Splayed, tapered legs and a low back that would have looked right in 1958.",
            "It might have stood in a glass house in Palm Springs, next to a sunburst clock.",
            "~Fifties optimism: organic lines, warm timber, brass at the tips of the feet.",
            "A nod to the things your grandparents should have kept.",
            "Retro without the dust: slim, slanted, a little bit space age.",
            "The silhouette comes straight from the days of atomic lamps and long-playing records.",
            "Designed as though the sixties had only just begun.",
        ),
    ),
    "scandinavian": Style(
        ("Scandinavian", "Nordic", "Scandi"),
        ("off-white", "light grey", "dusty blue", "sage", "white", "natural", "blush", "pale yellow"),
        "straight",
        (
            "~Pale wood, rounded corners, nothing that isn't needed: the North in one piece.",
            "Light as a June night in Stockholm.",
            "It has the hygge that everybody talks about, and no slogan on it.",
            "~Blond timber and honest joints, as they like it around the fjords.",
            "Simple the way Danes make things simple: after a lot of thinking.",
            "Bright and uncluttered, for winters that are neither.",
        ),
    ),
    "industrial": Style(
        ("Industrial", "Loft", "Factory-Style"),
        ("black", "rustic brown", "charcoal", "gunmetal", "rust", "dark brown"),
        "frame",
        (
            "~Visible welds, a raw edge, the air of an old workshop.",
            "As if it had been found in a warehouse and only dusted off.",
            "~Black bars and rough-sawn boards for brick walls and tall windows.",
            "~Bolts are left where one sees them.",
            "~Somewhere between a workbench and a fire escape, and handsome for it.",
            "For lofts, and for flats that would like to be one.",
        ),
    ),
    "farmhouse": Style(
        ("Farmhouse", "Country", "Modern Farmhouse", "Cottage"),
        ("white", "cream", "sage", "weathered grey", "navy", "natural", "duck-egg blue"),
        "turned",
        (
            "~X-braces, plank fronts and a finish that looks as if it had been painted more than once.",
            "It brings the kitchen of a country house to the third floor.",
            "~Shaker honesty, under a coat of milk paint.",
            "There ought to be a pie cooling on it.",
            "Rural, sturdy, with the charm of something handed down.",
            "Gingham, enamel jugs, a dresser full of jam: it belongs there.",
        ),
    ),
    "japandi": Style(
        ("Japandi", "Wabi-Sabi", "Zen"),
        ("natural", "stone", "black", "oatmeal", "clay", "moss green", "off-white"),
        "low",
        (
            "Half Kyoto, half Copenhagen: low, quiet, made to be touched.",
            "~Close to the floor and without ornament, like a tea room.",
            "~The grain does all the talking.",
            "Where Japanese restraint meets Nordic comfort.",
            "Perfect in its small imperfections: a knot here, a brush mark there.",
            "It leaves empty space around it, and that is part of the design.",
        ),
    ),
    "art_deco": Style(
        ("Art Deco", "1920s-Style", "Hollywood Regency"),
        ("emerald", "navy", "burgundy", "black", "blush", "gold", "plum"),
        "brass",
        (
            "Fans, fluting and a glint of gold: Gatsby would have ordered two.",
            "~Channelled like a scallop shell and ready for champagne.",
            "Jazz-age geometry, polished until it flatters the room.",
            "It has the curves of an ocean liner.",
            "Glamour from the age of cocktails and fringed dresses.",
            "Stepped outlines and gilded edges, as on the theatres of 1927.",
        ),
    ),
    "minimalist": Style(
        ("Minimalist", "Minimal", "Clean-Lined"),
        ("white", "black", "light grey", "natural", "off-white", "charcoal"),
        "plinth",
        (
            "~No handle, no moulding, no visible screw.",
            "Reduced until nothing was left to take away.",
            "~Two planes and a shadow gap.",
            "It says one thing, quietly.",
            "Pure geometry for people who like empty walls.",
            "You notice the room first, and that's intended.",
        ),
    ),
    "traditional": Style(
        ("Traditional", "Classic", "Victorian-Inspired", "English Country"),
        ("burgundy", "navy", "dark brown", "forest green", "cream", "beige", "cognac"),
        "turned",
        (
            "~Turned feet and brass-headed nails: the way a club looks after you.",
            "It could have come with the house, and the house with a butler.",
            "~Carved and waxed like the pieces that are handed down.",
            "Timeless in the sense that your grandmother would recognise it.",
            "Dignified, and a little bit stern.",
            "~Heirloom looks, with modern joints.",
        ),
    ),
    "boho": Style(
        ("Boho", "Bohemian", "Eclectic"),
        ("terracotta", "natural", "mustard", "multicolour", "off-white", "teal", "clay"),
        "hairpin",
        (
            "Fringes, weave and sun-baked colours: home from a long trip, with full suitcases.",
            "It wants to stand among macramé, candles and too many plants.",
            "Free of rules, full of texture.",
            "Somewhere between a Marrakesh market and a Californian porch.",
            "Handmade, a little uneven, and in love with patterns.",
            "Layer it with kilims and don't match anything.",
        ),
    ),
    "coastal": Style(
        ("Coastal", "Hamptons-Style", "Beach House"),
        ("white", "navy", "sand", "duck-egg blue", "light grey", "natural", "aqua"),
        "straight",
        (
            "Bleached like driftwood, and as easy to live with.",
            "Salt air, linen and the sound of halyards: it lets them in.",
            "For summer houses, and for those who live inland and long for one.",
            "Breezy, pale, with a stripe of sea somewhere.",
            "Sand between the toes, figuratively.",
        ),
    ),
    "contemporary": Style(
        ("Modern", "Contemporary", ""),
        ("charcoal", "light grey", "black", "white", "taupe", "navy", "forest green", "caramel"),
        "straight",
        (
            "~Soft corners and clear proportions, as one builds today.",
            "It goes with what you have already.",
            "Up to date without shouting the year.",
            "A calm, current shape that keeps its looks.",
            "Neither old-fashioned nor daring: simply well drawn.",
            "~Smooth fronts and slender edges for rooms with big windows.",
        ),
    ),
    "playful": Style(
        ("Colourful", "Playful", ""),
        ("sky blue", "mint", "pale yellow", "red", "multicolour", "white", "blush", "orange"),
        "straight",
        (
            "Round like a pebble and bright as a box of crayons.",
            "Clouds, stars and one friendly bear.",
            "Colours that argue with each other and make up.",
            "It looks as though somebody small had designed it, and somebody tall had built it.",
        ),
    ),
}


SHADES: dict[str, tuple[str, str]] = {
    "mustard": ("yellow", "#d1a12f"),
    "pale yellow": ("yellow", "#efdf9a"),
    "teal": ("blue", "#2f7f86"),
    "dusty blue": ("blue", "#8ea5b8"),
    "duck-egg blue": ("blue", "#a9c6c9"),
    "sky blue": ("blue", "#86bfe4"),
    "aqua": ("blue", "#7cc5c4"),
    "navy": ("blue", "#2a3a5e"),
    "rust": ("orange", "#b4552d"),
    "terracotta": ("orange", "#c2704c"),
    "orange": ("orange", "#dd7f33"),
    "clay": ("brown", "#b98a70"),
    "olive": ("green", "#7b7d47"),
    "sage": ("green", "#a3b196"),
    "mint": ("green", "#a9dcc0"),
    "moss green": ("green", "#66744a"),
    "forest green": ("green", "#35543f"),
    "emerald": ("green", "#1f6f54"),
    "cognac": ("brown", "#9c5a2d"),
    "caramel": ("brown", "#b5793f"),
    "walnut brown": ("brown", "#6e4a33"),
    "rustic brown": ("brown", "#8a6242"),
    "dark brown": ("brown", "#4d362a"),
    "cream": ("beige", "#efe6d2"),
    "beige": ("beige", "#d9c9ae"),
    "sand": ("beige", "#dccbab"),
    "oatmeal": ("beige", "#ddd2bf"),
    "taupe": ("beige", "#a99a8a"),
    "natural": ("", "#d3b184"),
    "stone": ("gray", "#b9b3a8"),
    "light grey": ("gray", "#c6c9cb"),
    "weathered grey": ("gray", "#a39d94"),
    "charcoal": ("gray", "#4b4f54"),
    "gunmetal": ("gray", "#5b6067"),
    "off-white": ("white", "#f2efe8"),
    "white": ("white", "#f8f8f6"),
    "black": ("black", "#2b2b2d"),
    "burgundy": ("red", "#7a2436"),
    "red": ("red", "#c4423c"),
    "blush": ("pink", "#e5bdb6"),
    "plum": ("purple", "#64405f"),
    "gold": ("gold", "#c4a04e"),
    "multicolour": ("multicolor", "#cf8a5b"),
}
"""As shops say them, with their family and how they look on a screen."""


@dataclass(frozen=True, slots=True)
class Material:
    """What something is made of."""

    families: tuple[str, ...]
    names: tuple[str, ...]
    hue: str
    """As it is, without a colour."""
    sort: str
    """fabric, wood, metal, stone, weave or other."""
    sentences: tuple[str, ...]


def _wood(family: str, names: tuple[str, ...], hue: str, *sentences: str) -> Material:
    return Material((family, "wood"), names, hue, "wood", sentences)


def _cloth(family: str, names: tuple[str, ...], hue: str, *sentences: str) -> Material:
    families = (family,) if family in {"leather", "faux leather", "mesh", "foam"} else (family, "fabric")
    return Material(tuple(dict.fromkeys(families)), names, hue, "fabric", sentences)


MATERIALS: dict[str, Material] = {
    "oak": _wood(
        "oak",
        ("solid oak", "oak", "white oak"),
        "#cfa873",
        "Oiled oak, with the grain running through.",
        "Oak takes a knock and calls it patina.",
        "From European forests that grow faster than they are felled.",
        "Solid where it counts, veneered where it would move.",
    ),
    "walnut": _wood(
        "walnut",
        ("walnut", "solid walnut", "American walnut"),
        "#7a5238",
        "Dark walnut, oiled by hand until it glows.",
        "Every board has its own chocolate-coloured swirl.",
        "Walnut mellows with the years instead of fading.",
    ),
    "pine": _wood(
        "pine",
        ("pine", "solid pine", "knotty pine"),
        "#dfbd88",
        "Slow-grown pine with all its knots.",
        "Smells of resin for the first weeks.",
        "Soft enough to take a dent, and to sand it out again.",
    ),
    "ash": _wood(
        "ash",
        ("ash wood", "solid ash"),
        "#dac29a",
        "Ash bends without breaking, which is why oars are made of it.",
        "Pale, tough, with a lively figure.",
    ),
    "beech": _wood(
        "beech",
        ("beech", "beechwood"),
        "#d8b087",
        "Steamed beech, dense and even.",
        "Beech stays smooth however often it is wiped.",
    ),
    "birch": _wood(
        "birch",
        ("birch", "birch plywood"),
        "#e0c79f",
        "Thirteen layers show at the edge, and are meant to.",
        "Birch ply weighs little and never warps.",
    ),
    "acacia": _wood(
        "acacia",
        ("acacia wood", "solid acacia"),
        "#94643d",
        "Acacia in stripes from honey to tea.",
        "Naturally oily and slow to rot.",
        "No two tops look alike.",
    ),
    "mango": _wood(
        "mango wood",
        ("mango wood", "solid mango wood"),
        "#a5754a",
        "Felled when the trees no longer bear fruit.",
        "Mango has streaks of pink and grey that no stain could copy.",
    ),
    "teak": _wood(
        "teak",
        ("teak", "plantation teak"),
        "#a9743f",
        "Teak needs no oil; it only asks to be left alone.",
        "The timber that ships' decks are made of.",
    ),
    "eucalyptus": _wood(
        "eucalyptus",
        ("eucalyptus wood",),
        "#a56b45",
        "Eucalyptus grows fast and lasts long.",
        "Certified timber with a reddish cast.",
    ),
    "rubberwood": _wood(
        "rubberwood",
        ("rubberwood",),
        "#d7b58b",
        "Rubber trees get a second life when their sap runs out.",
        "Hard, light, and evenly grained.",
    ),
    "bamboo": Material(
        ("bamboo",),
        ("bamboo", "moso bamboo"),
        "#d6b679",
        "wood",
        (
            "Grown back before you have unpacked it.",
            "Pressed in strips, harder than many a tree.",
            "Light, tough, and not afraid of moisture.",
        ),
    ),
    "mdf": Material(
        ("engineered wood", "wood"),
        ("engineered wood", "MDF", "laminated board"),
        "#d9c5a3",
        "wood",
        (
            "Boards with a scratch-proof surface that is easy to wipe.",
            "Edges are banded so that nothing chips.",
            "Low in formaldehyde, and tested for it.",
        ),
    ),
    "steel": Material(
        ("steel", "metal"),
        ("powder-coated steel", "steel", "metal"),
        "#44474b",
        "metal",
        (
            "The frame is steel tube, welded and then ground smooth.",
            "Powder-coated, and coated again where it touches the floor.",
            "Metal so slim that one looks through it.",
        ),
    ),
    "iron": Material(
        ("iron", "metal"),
        ("wrought iron", "iron", "cast iron"),
        "#34353a",
        "metal",
        (
            "Forged, hammered, waxed.",
            "Heavy as it should be: it will not be blown over.",
            "Iron with the marks of the hammer left on it.",
        ),
    ),
    "aluminium": Material(
        ("aluminum", "metal"),
        ("aluminium", "die-cast aluminium"),
        "#9aa0a6",
        "metal",
        ("Aluminium doesn't rust and hardly weighs anything.", "Cast in one piece, so there is nothing to work loose."),
    ),
    "brass": Material(
        ("brass", "metal"),
        ("brass", "brushed brass", "antique brass finish"),
        "#c8a45a",
        "metal",
        (
            "Brushed brass that darkens where hands touch it.",
            "Golden feet, polished edges.",
            "The metal parts have a warm, satin gleam.",
        ),
    ),
    "glass": Material(
        ("glass",),
        ("tempered glass", "glass", "clear glass"),
        "#cfe2e6",
        "other",
        (
            "Tempered glass, bevelled all round.",
            "Clear, heavy glass that is easy to keep clean.",
            "Safety glass with polished edges.",
        ),
    ),
    "marble": Material(
        ("marble", "stone"),
        ("marble", "white marble", "real marble"),
        "#ece9e6",
        "stone",
        (
            "Veins that took a hundred million years.",
            "Each slab is cut once and therefore unique.",
            "Cool to the touch and heavy to lift.",
        ),
    ),
    "travertine": Material(
        ("stone",),
        ("travertine",),
        "#d8c6ad",
        "stone",
        ("Travertine with its pores left open, as on Roman steps.", "Sand-coloured stone, honed and sealed."),
    ),
    "concrete": Material(
        ("concrete",),
        ("concrete", "fibre-reinforced concrete"),
        "#a9a8a5",
        "stone",
        ("Poured by hand, with a bubble here and there.", "Raw concrete, waxed so that it takes no rings."),
    ),
    "ceramic": Material(
        ("ceramic",),
        ("glazed ceramic", "ceramic", "stoneware"),
        "#cdbfae",
        "stone",
        ("The glaze runs differently on each one.", "Fired twice, therefore as hard as it looks."),
    ),
    "leather": _cloth(
        "leather",
        ("leather", "full-grain leather", "top-grain leather", "genuine leather"),
        "#8d5835",
        "Full-grain hide that gets better with every scratch.",
        "It smells like a saddlery.",
        "Aniline-dyed, so you still see where the animal brushed a fence.",
        "In ten years it will shine where you sit.",
    ),
    "faux_leather": _cloth(
        "faux leather",
        ("faux leather", "vegan leather", "PU leather"),
        "#6d4a36",
        "Looks like hide, and no cow was asked.",
        "Wipes clean in one stroke.",
        "An animal-free cover with a soft grain.",
    ),
    "velvet": _cloth(
        "velvet",
        ("velvet", "plush velvet", "matte velvet"),
        "#4f6f73",
        "Stroke it one way and it is dark, the other way and it is light.",
        "A dense, short pile that doesn't crush.",
        "Velvet that children draw faces in with one finger.",
    ),
    "linen": _cloth(
        "linen",
        ("linen", "linen blend", "washed linen"),
        "#d8ccb5",
        "Linen creases, and that's why people like it.",
        "Woven loosely, cool in summer.",
        "Flax from the coast, washed until it is soft.",
    ),
    "boucle": _cloth(
        "boucle",
        ("bouclé", "boucle", "teddy bouclé"),
        "#eee8dc",
        "Loopy and thick like a good winter coat.",
        "A nubbly yarn that begs to be touched.",
        "Curly bouclé, the colour of steamed milk in most lights.",
    ),
    "wool": _cloth(
        "wool",
        ("wool", "wool felt", "new wool"),
        "#b7b0a4",
        "Wool cleans itself if you let it air.",
        "Spun thick and dyed in the yarn.",
        "From sheep that know what weather is.",
    ),
    "cotton": _cloth(
        "cotton",
        ("cotton", "organic cotton", "cotton canvas"),
        "#e4dccd",
        "Plain strong cotton.",
        "Organic, and certified by people who look twice.",
        "A canvas that gets softer with each wash.",
    ),
    "polyester": _cloth(
        "polyester",
        ("polyester", "woven fabric", "microfibre"),
        "#9b9ea3",
        "A hard-wearing weave, rated for 50,000 rubs.",
        "Made of bottles, though nobody would guess.",
        "Microfibre that feels like suede.",
    ),
    "chenille": _cloth(
        "chenille",
        ("chenille",),
        "#c5b7a3",
        "Chenille, soft as a caterpillar, which is what the word means.",
        "A velvety yarn with a faint shimmer.",
    ),
    "corduroy": _cloth(
        "fabric",
        ("corduroy", "wide-wale corduroy", "cord"),
        "#a67c52",
        "Wide ribs, like the trousers of your favourite teacher.",
        "Cord that wears to a shine where it's loved.",
    ),
    "sherpa": _cloth(
        "fabric",
        ("sherpa", "sherpa fleece", "faux shearling"),
        "#efe7d8",
        "Fluffy as a lamb, without one.",
        "Thick fleece on all sides.",
    ),
    "plush": _cloth(
        "fabric", ("plush",), "#b9aca0", "Plush that's combed with a brush.", "Soft enough for the pickiest sleeper."
    ),
    "felt": _cloth(
        "fabric",
        ("felt", "recycled felt"),
        "#8f9194",
        "Stiff felt, pressed from old bottles.",
        "It keeps its shape when it is empty.",
    ),
    "mesh": _cloth(
        "mesh",
        ("breathable mesh", "mesh"),
        "#4d5156",
        "Mesh, so that air gets at you.",
        "A knitted net that stretches where you are.",
    ),
    "viscose": _cloth(
        "fabric",
        ("viscose",),
        "#c9c3b8",
        "A silky shimmer that changes as you walk round it.",
        "Viscose with the gloss of silk.",
    ),
    "olefin": _cloth(
        "fabric",
        ("olefin fabric", "outdoor fabric"),
        "#b3b1ab",
        "Dyed before it is spun, so that the sun has nothing to bleach.",
        "Dries before you have finished your drink.",
    ),
    "memory_foam": _cloth(
        "foam",
        ("memory foam", "gel memory foam"),
        "#eef0f1",
        "It remembers you for about four seconds.",
        "Foam that yields to warmth and weight.",
    ),
    "latex": _cloth(
        "foam", ("natural latex",), "#f0eadb", "Tapped from trees, springy for decades.", "Latex pushes back gently."
    ),
    "rattan": Material(
        ("rattan",),
        ("rattan", "woven rattan", "cane webbing"),
        "#c99b5e",
        "weave",
        (
            "Woven by people who have done nothing else since they were twelve.",
            "Light, springy, a little talkative when you move.",
            "Natural canes, soaked and bent.",
        ),
    ),
    "cane": Material(
        ("rattan",),
        ("cane", "woven cane"),
        "#d3ad76",
        "weave",
        ("A panel of Vienna weave lets the light through.", "Octagons of cane, stretched tight."),
    ),
    "resin_wicker": Material(
        ("rattan",),
        ("all-weather wicker", "PE rattan", "resin wicker"),
        "#7f6a55",
        "weave",
        ("Wicker that only looks as if it had grown.", "Woven round a hidden frame, strand by strand."),
    ),
    "jute": Material(
        ("jute",),
        ("jute", "braided jute"),
        "#c7a878",
        "weave",
        ("Jute in thick braids, coiled by hand.", "It smells faintly of hay."),
    ),
    "seagrass": Material(
        ("seagrass",),
        ("seagrass", "water hyacinth"),
        "#b7a06c",
        "weave",
        ("Dried in the sun, twisted, woven.", "Greenish at first, golden by autumn."),
    ),
    "sisal": Material(
        ("jute",),
        ("sisal", "sisal rope"),
        "#cfb68b",
        "weave",
        ("Sisal rope, 8 mm, glued on every turn.", "Rough in the way that claws like."),
    ),
    "rope": Material(
        ("fabric",),
        ("woven cord", "rope"),
        "#d8cbb0",
        "weave",
        ("120 metres of cord make one seat.", "Paper cord, wound by hand."),
    ),
    "cork": Material(
        ("cork",),
        ("cork",),
        "#b98a58",
        "other",
        ("Peeled from the tree, which grows a new coat.", "Warm, quiet and light as a loaf."),
    ),
    "paper": Material(
        ("paper",),
        ("rice paper", "paper"),
        "#f4eedd",
        "other",
        ("Paper like a held breath.", "Mulberry fibres show when it's lit."),
    ),
    "polypropylene": Material(
        ("plastic",),
        ("polypropylene", "recycled plastic"),
        "#c9ccce",
        "other",
        ("Moulded in one piece, without a seam.", "Recycled from fishing nets."),
    ),
}
