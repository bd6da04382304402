"""Small English words that captions are compared by: numbers, colours, negations, places.

Written for this project from general knowledge, not from a corpus.
"""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text with blanks between them."""
    return frozenset(text.split())


NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "couple": 2, "pair": 2, "both": 2, "dozen": 12, "half-dozen": 6,
}  # fmt: skip
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20,
}  # fmt: skip
# What comes in pairs anyway: "a pair of shoes" says no more than "shoes".
PAIRED = word_set(
    "shoe boot sock sandal sneaker trainer slipper glove mitten trouser pant jean short legging "
    "tight glass sunglass spectacle scissor tweezer plier headphone earring binocular pyjama pajama "
    "stocking heel ski skate crutch"
)

# Shades that everyday language, and manual_synonym_map.json, use for the plain colour. A light or
# dark one is another colour than the plain one. Names that are first of all a flower, a fruit or a
# food (rose, lavender, olive, cream) are left to the meaning of the whole.
COLOURS = {
    "red": "red", "crimson": "red", "scarlet": "red", "orange": "orange", "tangerine": "orange",
    "yellow": "yellow", "green": "green", "emerald": "green", "blue": "blue", "cobalt": "blue",
    "purple": "purple", "violet": "purple", "pink": "pink", "black": "black", "white": "white",
    "grey": "grey", "gray": "grey", "brown": "brown", "beige": "beige", "gold": "gold",
    "golden": "gold", "silver": "silver", "silvery": "silver", "turquoise": "turquoise",
    "teal": "teal", "cyan": "cyan", "magenta": "magenta", "fuchsia": "magenta",
    "maroon": "dark red", "burgundy": "dark red", "navy": "dark blue", "azure": "light blue",
    "khaki": "khaki", "indigo": "indigo", "reddish": "reddish", "bluish": "bluish",
    "greenish": "greenish", "yellowish": "yellowish", "brownish": "brownish",
    "pinkish": "pinkish", "greyish": "greyish", "grayish": "greyish",
}  # fmt: skip
SHADES = {"light": "light ", "pale": "light ", "dark": "dark ", "deep": "dark "}

NEGATIONS = word_set(
    "no not without never nobody nothing none neither cannot lack lacking missing absent forbid "
    "forbidding forbidden prohibit prohibited"
)
NOT_LESS = word_set("wireless cordless stainless seamless unless less priceless endless harmless")

# Words that carry a caption and say little of what is seen; a paraphrase may add or drop them.
SUPPORT = word_set(
    "show display depict feature portray illustrate represent present capture reveal include "
    "contain consist comprise see visible view appear seem look remain locate situate position "
    "place set lay put hang mount attach fit rest lie sit stand seat pose hold carry wear bear bring "
    "sport make take use call get have come go give let leave keep stay face turn point pass "
    "reach stretch extend span cover surround adorn decorate equip provide offer gather arrange "
    "spread grow work form shape create design happen occupy fill inscribe paint "
    "photo photograph picture image pic shot snapshot closeup close up out view front "
    "piece side corner area part kind type sort item object thing someone somebody people person "
    "whose own various total single lone alone together along still just there here currently "
    "time line number no full colour colored coloured color mid during being "
    "measure length long width wide height high tall diameter size sized read say"
)

# Where things are: (axis, sign). "beside" has no direction. Those in RELATING say it of two things.
SIDES = {
    "left": ("side", -1), "right": ("side", 1), "left-of": ("side", -1), "right-of": ("side", 1),
    "left-to-right": ("order", 1), "right-to-left": ("order", -1),
    "above": ("height", 1), "over": ("height", 1), "below": ("height", -1),
    "beneath": ("height", -1), "under": ("height", -1), "underneath": ("height", -1),
    "top": ("end", 1), "upper": ("end", 1), "bottom": ("end", -1), "lower": ("end", -1),
    "in-front": ("depth", 1), "before": ("depth", 1), "front": ("depth", 1),
    "behind": ("depth", -1), "back": ("depth", -1), "rear": ("depth", -1),
    "inside": ("hull", 1), "within": ("hull", 1), "indoor": ("hull", 1), "indoors": ("hull", 1),
    "surrounded": ("hull", 1), "around": ("hull", -1), "surrounding": ("hull", -1),
    "outside": ("out", 1), "outdoor": ("out", 1), "outdoors": ("out", 1),
    "up": ("way", 1), "upwards": ("way", 1), "down": ("way", -1), "downwards": ("way", -1),
    "beside": ("near", 0),
}  # fmt: skip
RELATING = word_set(
    "left-of right-of above over below beneath under underneath in-front before behind inside within "
    "surrounded around surrounding outside"
)
