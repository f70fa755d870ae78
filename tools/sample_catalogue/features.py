"""What furniture can do, and how shops say so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One of them."""

    short: str
    """For titles: `with storage`; empty: not said there."""
    heading: str
    """Before a bullet, of brands that have such."""
    sentences: tuple[str, ...]


def _feature(short: str, heading: str, *sentences: str) -> Feature:
    return Feature(short, heading, sentences)


FEATURES: dict[str, Feature] = {
    "storage": _feature(
        "with hidden storage",
        "Hidden space",
        "There's a hollow inside for duvets, games and everything else that should not be seen.",
        "Lift it up and find room for a whole season of bedding.",
        "A compartment beneath swallows spare blankets.",
        "Inside: 120 litres that you didn't have before.",
    ),
    "foldable": _feature(
        "folding",
        "Folds flat",
        "Folds flat in one movement and stands behind a door.",
        "Collapses to the width of a hand when it isn't needed.",
        "A brass pin releases the hinge, and it is put away.",
        "When the party is over it disappears into a gap of ten centimetres.",
    ),
    "wheels": _feature(
        "on wheels",
        "Rolls",
        "Rolls wherever you want it, and stays there once the brakes are on.",
        "Four rubber castors, two with brakes.",
        "Runs on quiet wheels that leave no marks on parquet.",
        "Push it aside with one finger to sweep underneath.",
    ),
    "lockable_wheels": _feature(
        "",
        "Brakes",
        "Step on the tab and it stands like a fixed counter.",
        "All castors lock, so it won't wander off.",
    ),
    "adjustable_height": _feature(
        "height-adjustable",
        "Your height",
        "Goes up and down to suit whoever uses it.",
        "Set it higher as somebody grows.",
        "A lever under the edge changes the height smoothly.",
        "Five heights, so that it is never the wrong one.",
    ),
    "adjustable_arm": _feature(
        "with adjustable arm",
        "Points anywhere",
        "Joints at three places let you aim it.",
        "The head tilts, the arm swings, and both stay put.",
    ),
    "adjustable_cord": _feature(
        "", "Cord", "Shorten the cord at the canopy; there is a clip inside.", "Hangs as low or as high as you like."
    ),
    "extendable": _feature(
        "extendable",
        "Grows",
        "Two leaves wait under the top and add 80 cm in a minute.",
        "Pull at both ends and it seats four more.",
        "It grows with the number of guests, and shrinks by Monday.",
    ),
    "drop_leaf": _feature(
        "with drop leaf",
        "Fold-up leaf",
        "One side hangs down until you need it.",
        "A leaf swings up on a bracket and gives you half as much again.",
    ),
    "stackable": _feature(
        "stackable",
        "Stacks",
        "Four of them take the floor space of one.",
        "They pile up neatly when not in use.",
        "Stack one on another; the feet find their grooves.",
    ),
    "weatherproof": _feature(
        "weatherproof",
        "All weathers",
        "Rain, sun and a forgotten frost do it no harm.",
        "Powder-coated twice, so that rust has nowhere to start.",
        "Fabrics dry within the hour and don't bleach.",
        "Leave it out all summer.",
        "UV-stable and happy to get wet.",
    ),
    "outdoor_ok": _feature(
        "indoor & outdoor",
        "In and out",
        "May also be left on a covered terrace.",
        "Good outside as well as in: water doesn't trouble it.",
    ),
    "water_resistant": _feature(
        "", "Sealed", "Edges are sealed against steam.", "The lacquer keeps splashes out for good."
    ),
    "reclining": _feature(
        "reclining",
        "Leans back",
        "Tilts back step by step until you lie nearly flat.",
        "The backrest goes from upright to horizontal.",
        "Lean back and the rest follows.",
    ),
    "usb": _feature(
        "with USB charging",
        "Charges phones",
        "Two sockets in the side take charging cables.",
        "A USB port is built in where your phone lies anyway.",
        "Power up your tablet without crawling behind the furniture.",
    ),
    "lift_top": _feature(
        "lift-top",
        "Comes up to you",
        "The top rises towards you on springs, to the height of a plate on your knees.",
        "Half of the surface lifts, and dinner before the screen stops being acrobatics.",
    ),
    "swivel": _feature(
        "swivel",
        "Turns",
        "Turns all the way round without a sound.",
        "Spins through 360 degrees, to the window or the conversation.",
        "The base rotates and comes back to the front by itself.",
    ),
    "drawers": _feature(
        "with drawers",
        "Drawers",
        "Drawers glide on full extensions and stop before they fall out.",
        "What is small goes into the drawers; they have dividers.",
        "Pull-out compartments with a wooden bottom, not cardboard.",
        "There's a drawer where your hand expects one.",
    ),
    "doors": _feature(
        "with doors",
        "Closes",
        "Behind the doors nobody sees what you haven't sorted.",
        "Hinged fronts keep out dust and looks.",
        "Magnets hold the doors shut, without a click.",
    ),
    "sliding_doors": _feature(
        "with sliding doors",
        "Slides open",
        "The fronts slide past each other and need no room to open.",
        "Sliding panels on steel rails, for where a door can't swing.",
    ),
    "glass_doors": _feature(
        "with glass doors",
        "Glass fronts",
        "Glazed fronts show what you love and keep it clean.",
        "Tempered panes with polished edges.",
        "Look at it all without dusting it all.",
    ),
    "mirror_door": _feature(
        "with mirror",
        "Mirror",
        "A full mirror on the front saves you buying one.",
        "The door is a looking glass, and makes the room seem deeper.",
    ),
    "removable_covers": _feature(
        "with washable covers",
        "Covers come off",
        "All covers zip off and go into the machine at 30 degrees.",
        "Spare slipcovers are sold, so a new look is an afternoon's work.",
        "Unzip, wash, put on again: red wine is not the end.",
    ),
    "washable": _feature(
        "machine-washable",
        "Washes",
        "Goes into an ordinary washing machine.",
        "Cold wash, line dry, as good as before.",
        "Accidents come out at 30 degrees.",
    ),
    "stain_resistant": _feature(
        "",
        "Shrugs off spills",
        "Coffee pearls off and waits for you to bring a cloth.",
        "Spills bead up before they sink in.",
        "Treated so that stains stay on the surface.",
        "Clean it with water and nothing else.",
    ),
    "soft_close": _feature(
        "",
        "Soft close",
        "Whatever you slam closes slowly, by itself, without a sound.",
        "Dampers catch it in the last centimetres.",
        "No more bangs at night.",
    ),
    "anti_tip": _feature(
        "",
        "Can't topple",
        "A strap for the wall is included, so that climbing ends well.",
        "Anchor it at the back: it can't tip over.",
        "Comes with a bracket against falling forwards.",
    ),
    "lockable": _feature(
        "lockable",
        "Locks",
        "One key keeps private things private.",
        "Locks, with two keys.",
        "A lock for curious siblings and colleagues.",
    ),
    "no_tools": _feature(
        "",
        "No tools",
        "Put together by hand in ten minutes.",
        "Nothing but your two hands is needed to set it up.",
        "Parts click into each other, and out again.",
        "It comes fully assembled.",
    ),
    "modular": _feature(
        "modular",
        "Rearrange it",
        "Pieces combine as you like, and differently next year.",
        "Start with two elements and add more as you go.",
        "Every module stands by itself or clips to the next.",
    ),
    "reversible": _feature(
        "reversible",
        "Two ways round",
        "Left or right: you decide at home, and may change your mind.",
        "Turn it over for a second look.",
        "Both sides are good ones.",
    ),
    "non_slip": _feature(
        "non-slip",
        "Stays put",
        "The underside grips, even on waxed floors.",
        "Rubber feet keep it from skating away.",
        "It doesn't slide when somebody runs across.",
    ),
    "led": _feature(
        "with LED light",
        "Light built in",
        "A strip of warm LEDs is built in, with a switch where you feel for it.",
        "Lit from within by diodes that last twenty years.",
        "Comes with a warm-white LED.",
    ),
    "dimmable": _feature(
        "dimmable",
        "From bright to dim",
        "Turn it from full daylight down to candle.",
        "The dial takes it as low as a night light.",
        "Brightness in as many steps as you have moods.",
    ),
    "cordless": _feature(
        "cordless",
        "No cable",
        "Its battery lasts forty hours; no socket required.",
        "Rechargeable, and therefore at home on the terrace.",
    ),
    "remote": _feature("", "Remote control", "A remote comes along, with a battery.", "Switch it from where you sit."),
    "cable_management": _feature(
        "",
        "Tidy cables",
        "Cords run through a channel and out of one hole.",
        "A tray at the back takes the power strip and all that hangs on it.",
        "Leads vanish behind a flap.",
    ),
    "headrest": _feature(
        "with headrest",
        "Headrest",
        "A padded rest catches your head when you think.",
        "The neck cushion moves up and down.",
    ),
    "lumbar": _feature(
        "ergonomic",
        "Lower back",
        "The lumbar pad moves in and out, and finds the spot.",
        "An arched support for the small of the back.",
    ),
    "armless": _feature(
        "armless",
        "No arms",
        "Without arms, so that it goes right under the top.",
        "No armrests in the way of a guitar.",
    ),
    "flip_arms": _feature("with flip-up arms", "Arms away", "Armrests fold up, and it parks under the desk."),
    "footrest": _feature("with footrest", "Feet up", "Feet find a rest of their own.", "A bar to put your soles on."),
    "footstool": _feature("with footstool", "Stool included", "A matching stool comes along and swings with it."),
    "shelves": _feature(
        "", "Shelf", "An extra board below for baskets.", "Open compartments for what you reach for daily."
    ),
    "shelves_adjustable": _feature(
        "",
        "Move the shelves",
        "Boards can be set in steps of 32 mm.",
        "Shelf pins let you make room for tall things.",
        "Move shelves up or down as the collection grows.",
    ),
    "wall_mounted": _feature(
        "wall-mounted",
        "Hangs",
        "Fixes to the wall, and the floor stays free.",
        "Screws and plugs for brick are in the bag.",
        "Hang it at the height that suits you.",
    ),
    "hooks": _feature("", "Hooks", "Hooks below take what has a loop.", "A row of pegs for bags and scarves."),
    "handles": _feature(
        "", "Handles", "Stitched grips make a full one easy to carry.", "Two handles, one at each end."
    ),
    "lid": _feature("with lid", "Lid", "The lid fits tightly and makes a tray.", "Covered, so it may stay full."),
    "shoe_shelf": _feature(
        "with shoe shelf",
        "For shoes",
        "Eight pairs of shoes stand on the grid below.",
        "A slatted shelf near the floor for boots.",
    ),
    "umbrella": _feature("", "Umbrella ring", "Umbrellas drip into a tray at the foot."),
    "umbrella_hole": _feature("", "Parasol", "A parasol fits through the middle, with a cap for when it doesn't."),
    "slats": _feature(
        "with slats",
        "Slats",
        "Curved slats give with you and need no further base.",
        "Thirteen bentwood slats hold the mattress and let it breathe.",
    ),
    "no_box_spring": _feature("", "No box spring", "A mattress is all that it takes.", "You won't need a second base."),
    "trundle": _feature("with trundle", "Second bed", "A second bed rolls out from under the first."),
    "desk_below": _feature("with desk", "Desk below", "A desk of full width is built in under the upper bunk."),
    "hypoallergenic": _feature(
        "hypoallergenic",
        "Kind to noses",
        "Filled with fibres that don't bother allergy sufferers.",
        "Dust mites find nothing here; sneezers sleep.",
    ),
    "cooling": _feature(
        "cooling",
        "Stays cool",
        "A gel layer draws warmth away.",
        "Air channels run through the core, and the surface stays fresh.",
    ),
    "thick_pile": _feature(
        "shaggy", "Deep pile", "Toes disappear in a pile of four centimetres.", "Shaggy enough to lose an earring in."
    ),
    "blackout": _feature(
        "blackout",
        "Night at noon",
        "A triple weave keeps out 99 percent of the light.",
        "Shift workers sleep until three in the afternoon behind these.",
    ),
    "thermal": _feature(
        "thermal",
        "Keeps warmth in",
        "A backing holds the warmth in winter and the heat out in summer.",
        "Draughts end at the fabric.",
    ),
    "sheer": _feature(
        "sheer",
        "Lets light in",
        "See-through by day, so that only the light comes in.",
        "Thin enough to move when somebody walks by.",
    ),
    "lean": _feature("", "Leans or hangs", "Lean it against a wall or hang it up: both fittings are there."),
    "heated": _feature("heated", "Warm", "Seat and back warm up at the touch of a button."),
    "cup_holders": _feature("with cup holders", "Drinks", "A holder in each arm keeps drinks upright."),
    "refillable": _feature("", "Top it up", "A zip inside lets you add filling."),
    "bottle_rack": _feature(
        "with bottle rack", "Bottles", "Bottles lie in cradles and don't clink.", "Wine rests at the angle it should."
    ),
}
"""`converts`, `nests`, `compact` and `pets` aren't among them: whoever has them says so by what it is."""
