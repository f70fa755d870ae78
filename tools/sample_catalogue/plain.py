"""What shops say of nearly everything: measures, care, assembly, warranty."""

ASSEMBLY = (
    "Assembly takes about 20 minutes; the tool is in the box.",
    "Two people, one hour, no swearing.",
    "Arrives flat-packed with numbered screws.",
    "Attach the legs and you are done.",
    "Instructions in pictures that have been tried out on people who hate instructions.",
    "Minimal assembly required.",
    "All hardware included, and two spare screws.",
    "Delivered in one piece where the staircase allows.",
)
SOFT_CARE = (
    "Vacuum with the soft brush; dab, don't rub.",
    "Professional cleaning recommended.",
    "Brush now and then in the direction of the pile.",
    "Keep out of direct sun to save the colour.",
    "A lint roller is all it needs from week to week.",
)
HARD_CARE = (
    "Wipe with a damp cloth, then with a dry one.",
    "Oil once a year, more often in heated rooms.",
    "Use coasters, or live with rings.",
    "Dust it. That's all.",
    "Avoid abrasive cleaners.",
)
WARRANTY = (
    "Five-year warranty on the frame.",
    "Backed by a two-year guarantee.",
    "If something breaks within ten years, we send the part.",
    "30 days to change your mind.",
    "Spare parts are kept for twenty years.",
    "Questions are answered by people, usually the same day.",
)
MEASURES_CM = (
    "Measures {w} × {d} × {h} cm (width, depth, height).",
    "{w} cm wide, {d} cm deep and {h} cm high.",
    "Overall size: W {w} x D {d} x H {h} cm.",
    "Takes up {w} by {d} cm of floor and rises to {h} cm.",
    "Dimensions {w}x{d}x{h} cm; weight {kg} kg.",
)
MEASURES_INCH = (
    'Overall: {wi}"W x {di}"D x {hi}"H.',
    "{wi} inches wide, {di} inches deep, {hi} inches tall.",
    'Dimensions: {di}"D x {wi}"W x {hi}"H, {lb} lbs.',
    "Sized at {wi} x {di} x {hi} in.",
)
MADE_IN = (
    "Made in {country}.",
    "Built in a small workshop in {country}.",
    "Comes from {country}.",
    "Designed and produced in {country}.",
)
BOX = (
    "In the box: the {noun}, hardware, a card with a thank-you.",
    "Packed without plastic.",
    "What you get: one {noun} in {color}.",
    "Ships in recyclable cardboard.",
)
OPENINGS = (
    "Meet {name}.",
    "{name} is our favourite of this year.",
    "The {name} {noun} began as a sketch on a train ticket.",
    "{brand} has been making the {name} for a while now, and changes very little about it.",
    "Not every {noun} has to make a fuss.",
    "You may have been looking for a {noun} like this one.",
    "About {name}:",
    "A {noun} in {color}, and hardly more needs saying.",
    "We wanted a {noun} that we would buy ourselves.",
    "Say hello to {name}, the {noun} that people ask about.",
    "In {color}, it changes the light in a room.",
    "Another {noun}? Yes, but sit down first.",
)
CLOSINGS = (
    "Also in other colours.",
    "Goes well with the rest of the {name} series.",
    "Photographs don't do it justice; swatches are free.",
    "You'll wonder where things were before.",
    "Try it for a month.",
    "It will be with you for a long time.",
    "Pairs with almost anything.",
    "Looks even better in the evening.",
    "Small batches; the next one comes when this is gone.",
    "Rate it when it has lived with you for a year.",
)
