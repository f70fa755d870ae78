"""Pictures of furniture that nobody has photographed: drawn from what is known of it, as SVG."""

from __future__ import annotations

from collections.abc import Callable

from garaza.furniture.drawings import beds, cabinets, homely, seats, tables
from garaza.furniture.drawings.canvas import Canvas
from garaza.furniture.drawings.look import Look

__all__ = ["Look", "draw"]

_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "sofa": seats.three, "loveseat": seats.two, "sectional": seats.sectional, "sofa_bed": seats.sofa_bed,
    "armchair": seats.armchair, "recliner": seats.recliner, "rocking_chair": seats.rocking_chair, "ottoman": seats.ottoman,
    "bean_bag": seats.bean_bag, "dining_chair": seats.dining_chair, "bar_stool": seats.bar_stool, "stool": seats.stool,
    "step_stool": seats.step_stool, "bench": seats.bench, "office_chair": seats.office_chair, "gaming_chair": seats.gaming_chair,
    "hanging_chair": seats.hanging_chair, "lounger": seats.lounger, "outdoor_set": seats.outdoor_set,
    "dining_table": tables.table, "side_table": tables.table, "console_table": tables.table, "coffee_table": tables.low_table,
    "nesting_tables": tables.nesting, "folding_table": tables.folding_table, "desk": tables.desk,
    "standing_desk": tables.standing_desk, "vanity": tables.vanity, "kitchen_cart": tables.kitchen_cart,
    "bar_cart": tables.bar_cart, "kids_table": tables.kids_table, "bistro_set": tables.bistro_set,
    "outdoor_dining": tables.outdoor_dining, "plant_stand": tables.plant_stand,
    "nightstand": cabinets.nightstand, "dresser": cabinets.dresser, "wardrobe": cabinets.wardrobe,
    "sideboard": cabinets.sideboard, "tv_stand": cabinets.tv_stand, "display_cabinet": cabinets.display_cabinet,
    "filing_cabinet": cabinets.filing_cabinet, "bathroom_cabinet": cabinets.bathroom_cabinet,
    "pantry_cabinet": cabinets.pantry, "dog_crate": cabinets.dog_crate, "bookcase": cabinets.bookcase,
    "shelving_unit": cabinets.shelving, "wall_shelf": cabinets.wall_shelf, "shoe_rack": cabinets.shoe_rack,
    "wine_rack": cabinets.wine_rack, "toy_storage": cabinets.toy_storage, "magazine_rack": cabinets.magazine_rack,
    "storage_box": cabinets.box, "laundry_hamper": cabinets.hamper, "deck_box": cabinets.deck_box,
    "bed": beds.bed, "daybed": beds.daybed, "bunk_bed": beds.bunk_bed, "mattress": beds.mattress,
    "headboard": beds.headboard, "crib": beds.crib, "changing_table": beds.changing_table, "pet_bed": beds.pet_bed,
    "cat_tree": beds.cat_tree,
    "mirror": homely.mirror, "floor_lamp": homely.floor_lamp, "table_lamp": homely.table_lamp, "pendant": homely.pendant,
    "rug": homely.rug, "curtains": homely.curtains, "cushion": homely.cushion, "throw": homely.throw,
    "coat_stand": homely.coat_stand, "wall_hooks": homely.wall_hooks, "room_divider": homely.room_divider,
}  # fmt: skip
_FLAT = {"rug", "throw", "cushion"}
"""Seen from above."""
_HANGING = {"mirror", "wall_shelf", "wall_hooks", "pendant", "rug", "curtains", "cushion", "throw"}
_LONG = {"lounger", "rocking_chair"}
"""Seen from the side."""
_LOW = {"wall_shelf": 0.25, "wall_hooks": 0.25}
"""How much of their width is left for what is on them."""
_SETS = {"bistro_set": 2.6}
"""Widths of what is measured by its table alone."""


def draw(look: Look, title: str) -> str:
    """A picture of it, with its title for those who can't see it. At most some kilobytes."""
    width = (look.depth_cm if look.kind in _LONG else look.width_cm) * _SETS.get(look.kind, 1)
    height = max(look.depth_cm if look.kind in _FLAT else look.height_cm, width * _LOW.get(look.kind, 0))
    hangs = look.kind in _HANGING
    canvas = Canvas(look, width, height, hangs=hangs, share=0.8 if hangs else 1)
    _DRAWINGS.get(look.kind, homely.unknown)(canvas)
    return canvas.svg(title)
