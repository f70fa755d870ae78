"""What furniture is good for, and how shops put it: mostly without naming it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """One purpose."""

    short: str
    """For titles: `for small rooms`."""
    sentences: tuple[str, ...]


USES: dict[str, Use] = {
    "small_space": Use(
        "for small rooms",
        (
            "Planned for flats in which every corner counts twice.",
            "If your living room is also your dining room, this was drawn for you.",
            "Generous to use, modest on the floor plan.",
            "A studio doesn't have to feel like one.",
            "It asks for very little floor.",
            "Where square metres are dear, it earns its own.",
            "Works in tight quarters: city flats, box rooms, the end of a hallway.",
            "Compact apartments were the brief, and the tape measure was strict.",
        ),
    ),
    "balcony": Use(
        "for balconies",
        (
            "Even a narrow ledge in the open air becomes a place for breakfast.",
            "Fits the two square metres outside the French window.",
            "For terraces that are more railing than terrace.",
            "High above the street, between two flower boxes, is where it belongs.",
            "Made for loggias and little patios.",
        ),
    ),
    "home_office": Use(
        "for working from home",
        (
            "Nine to five from the spare room gets easier.",
            "Good company for video calls and long spreadsheets.",
            "When the commute is eleven steps, the place at its end had better be pleasant.",
            "It makes a workplace out of whichever corner is left.",
            "For freelancers, doctoral students, and everyone with a laptop and a deadline.",
            "Remote work without the kitchen table.",
        ),
    ),
    "reading": Use(
        "for reading corners",
        (
            "Add a blanket and a long novel.",
            "One more chapter is always possible here.",
            "Made for rainy Sundays and thick paperbacks.",
            "Beside a window it turns into the spot where the crossword gets finished.",
            "Bookworms know within a minute that they will stay.",
            "A snug nook for anybody who would rather turn pages than channels.",
        ),
    ),
    "guests": Use(
        "for overnight guests",
        (
            "When family comes from far away, nobody has to book a hotel.",
            "Friends who stay for one drink too many have somewhere to go: nowhere.",
            "In-laws have been known to extend their visit.",
            "The spare room you don't have.",
            "Ready in a minute for whoever needs a place to spend the night.",
        ),
    ),
    "entryway": Use(
        "for the entryway",
        (
            "The first thing you see when you come home ought to be friendly.",
            "It stops wet umbrellas and school bags from getting any further.",
            "Right by the front door, where everything is dropped.",
            "Arrivals and departures go more smoothly.",
            "It gives the hall a purpose besides being walked through.",
        ),
    ),
    "narrow_hall": Use(
        "slim",
        (
            "Slim enough for corridors in which two people have to turn sideways.",
            "It keeps close to the wall and leaves the way free.",
            "Made for the long thin passages of old houses.",
            "Nobody will brush it with a shoulder in passing.",
        ),
    ),
    "kids": Use(
        "for children",
        (
            "Little hands will manage it on their own by the second day.",
            "Built for games whose rules change every minute.",
            "It survives forts, pirates and Saturday mornings.",
            "For ages three and up, and for uncles who play along.",
            "Paints and lacquers are the ones allowed on toys.",
            "Youngsters treat it badly, and it doesn't seem to mind.",
        ),
    ),
    "nursery": Use(
        "for the nursery",
        (
            "For the small hours, when feeding takes as long as it takes.",
            "Newborns sleep; you may sit down at last.",
            "It moves in before the baby does, and stays for years.",
            "Finished with a lacquer that may be chewed.",
            "Expecting parents start their list with it.",
        ),
    ),
    "pets": Use(
        "pet-friendly",
        (
            "Claws find nothing to catch on, and hair comes off with a wet glove.",
            "Dogs are allowed, whatever the rule was before.",
            "Whiskers have been consulted.",
            "If you share your home with something furry, you will like how easily it cleans.",
            "Muddy paws leave marks that a sponge takes away.",
            "Four-legged members of the household approve.",
        ),
    ),
    "family": Use(
        "for families",
        (
            "With three children and a spilled juice a day, you want something that forgives.",
            "Room for all of you, and for cousins.",
            "It is where everybody ends up.",
            "Everyday life leaves its traces here, and they look good.",
            "Sturdy where households are lively.",
        ),
    ),
    "renters": Use(
        "easy to move",
        (
            "It comes apart again without losing its patience, for the next move.",
            "No drilling: your landlord will never know.",
            "Two people carry it down four flights of stairs.",
            "If you change address every other year, it comes along.",
            "Leaves walls and deposit untouched.",
        ),
    ),
    "students": Use(
        "for student rooms",
        (
            "For the first place of one's own, and its budget.",
            "Dorm, shared flat, attic: it has lived in all of them.",
            "It costs less than a semester's coffee.",
            "Exams are prepared on it, at it and under it.",
            "Just what a room of twelve square metres at college needs.",
        ),
    ),
    "gaming": Use(
        "for gaming",
        (
            "Controllers, headsets and the second console have their place.",
            "For evenings that end at three because of one more level.",
            "Comfortable through raids, races and replays.",
            "Your setup gets the furniture that it deserves.",
        ),
    ),
    "movie_night": Use(
        "for film evenings",
        (
            "Popcorn, the lights down, everybody quiet: it begins.",
            "The series has nine seasons, and you have a good seat.",
            "It makes the cinema seem far away and overpriced.",
            "For whole evenings before the screen, and nobody complains of a stiff neck.",
        ),
    ),
    "entertaining": Use(
        "for entertaining",
        (
            "When eight people come to dinner, it shows what it can do.",
            "Hosts like it because everything is at hand.",
            "Birthdays, card nights, the long table on New Year's Eve.",
            "It is at its best with company and a second bottle.",
            "A good excuse to have people over.",
        ),
    ),
    "back_support": Use(
        "with back support",
        (
            "Your spine keeps its curve, from the tailbone to the neck.",
            "Physiotherapists would say nothing, which is praise.",
            "For those who get up stiff elsewhere.",
            "It takes the pressure off the lower vertebrae.",
            "An aching lower back is given somewhere to lean.",
        ),
    ),
    "seniors": Use(
        "easy to get out of",
        (
            "High enough that getting up takes no run-up.",
            "Sturdy arms give you something to push yourself up from.",
            "Grandparents choose it, and don't say why.",
            "Kind to knees and new hips.",
        ),
    ),
    "bedroom_calm": Use(
        "for the bedroom",
        (
            "Quiet company for the hours between ten and six.",
            "It brings down the pulse of a room.",
            "The last thing that you see at night should be a calm one.",
            "Soft light, few things, deep sleep.",
            "Made for the room in which nobody has to be impressed.",
        ),
    ),
    "bathroom": Use(
        "for the bathroom",
        (
            "Damp air and splashes have no effect.",
            "Next to the tub is as good a place as any.",
            "It has been living beside our own shower for two years.",
            "For where towels hang and mirrors fog.",
        ),
    ),
    "garden": Use(
        "for the garden",
        (
            "For the lawn, the pergola, the shade of the cherry tree.",
            "It stays outside from April to October and looks no worse for it.",
            "The neighbours will find reasons to look over the fence.",
            "In the backyard, among lavender and bees.",
        ),
    ),
    "poolside": Use(
        "for the poolside",
        (
            "Chlorine, salt and wet swimsuits are nothing new to it.",
            "Put it where the splashing reaches.",
            "All that is missing is a lifeguard.",
        ),
    ),
    "plants": Use(
        "for plants",
        (
            "Ferns, ivy and that one orchid get the stage they want.",
            "Drips from watering wipe off.",
            "For people who own more leaves than shirts.",
            "Your green friends move up in the world.",
        ),
    ),
    "hobby": Use(
        "for crafts",
        (
            "Sewing machine, glue gun, a kit of nine hundred pieces: spread it all out.",
            "For makers, menders, and painters of tin soldiers.",
            "Jigsaw enthusiasts, this is the size you have been looking for.",
            "Whatever you make with your hands, there's room to leave it half done.",
        ),
    ),
    "hide_clutter": Use(
        "for clearing up",
        (
            "Everything without a place gets one.",
            "What lies about vanishes, and the room breathes out.",
            "For those five minutes before somebody rings the bell.",
            "Cables, toys, papers: out of sight.",
            "Mess goes in, order stays outside.",
        ),
    ),
    "records": Use(
        "for collections",
        (
            "Long-players stand upright in it, spine to spine.",
            "Your vinyl and the machine that plays it, together at last.",
            "Strong enough for three hundred albums, which are heavier than they look.",
            "Collectors will see at once what it is for.",
        ),
    ),
    "breakfast": Use(
        "for breakfast bars",
        (
            "Toast, radio, ten minutes: mornings at the counter.",
            "For the first espresso, half standing.",
            "It turns a worktop into the place where the day starts.",
        ),
    ),
    "tall_people": Use(
        "for tall people",
        (
            "At one metre ninety-five you will feel meant, for once.",
            "Long legs fit, and don't have to fold.",
            "Dimensioned for people who duck under door frames.",
        ),
    ),
    "cold_floors": Use(
        "for cold rooms",
        (
            "Bare feet on winter mornings will thank you.",
            "Stone tiles stop being a punishment.",
            "It keeps out the chill that creeps up in old houses.",
        ),
    ),
    "cold_evenings": Use(
        "for cosy evenings",
        (
            "When the heating is off and the tea is on.",
            "Autumn can come.",
            "Wrap up, and leave the thermostat alone.",
        ),
    ),
    "hot_sleepers": Use(
        "for warm nights",
        (
            "For anyone who throws off the covers at two.",
            "July nights get bearable.",
            "Heat finds its way out instead of back.",
        ),
    ),
    "sloped_ceiling": Use(
        "for rooms under the roof",
        (
            "Low enough for an attic with slanting walls.",
            "Under the eaves, where nothing else will go.",
            "Tuck it below the skylight and count stars.",
        ),
    ),
}
