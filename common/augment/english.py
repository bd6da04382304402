"""The little English that exchanging words needs: plurals, possessives, a or an, and capitals."""

from __future__ import annotations

import re
from enum import Enum

_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice",
    "goose": "geese", "foot": "feet", "tooth": "teeth", "ox": "oxen", "leaf": "leaves",
    "knife": "knives", "wife": "wives", "life": "lives", "shelf": "shelves", "wolf": "wolves",
    "half": "halves", "loaf": "loaves", "calf": "calves", "scarf": "scarves", "thief": "thieves",
    "elf": "elves", "hoof": "hooves", "potato": "potatoes", "tomato": "tomatoes", "hero": "heroes",
    "echo": "echoes", "volcano": "volcanoes", "mango": "mangoes", "bus": "buses",
    "rhombus": "rhombuses", "cactus": "cacti", "quiz": "quizzes", "die": "dice",
    "bookshelf": "bookshelves", "housewife": "housewives", "werewolf": "werewolves",
    "penknife": "penknives", "policeman": "policemen", "gas": "gases", "passer-by": "passers-by",
    "passerby": "passersby", "mother-in-law": "mothers-in-law", "father-in-law": "fathers-in-law",
    "torpedo": "torpedoes", "domino": "dominoes", "mosquito": "mosquitoes", "buffalo": "buffalo",
    "grandchild": "grandchildren", "schoolchild": "schoolchildren", "octopus": "octopuses",
    "stomach": "stomachs", "monarch": "monarchs",
}  # fmt: skip
_UNCHANGED = {
    "sheep", "deer", "fish", "aircraft", "spacecraft", "hovercraft", "watercraft", "series",
    "species", "moose", "salmon", "trout", "bison", "squid", "shrimp", "people", "folk",
    "trousers", "glasses", "scissors", "clothes", "jeans", "pants", "shorts", "sunglasses",
    "eyeglasses", "spectacles", "binoculars", "pyjamas", "pajamas", "tights", "leggings",
    "headphones", "luggage", "furniture", "grass", "water", "snow", "food", "cattle", "offspring",
    "clothing", "equipment", "stairs", "fries", "sweets", "goods", "woods", "police", "footwear",
    "headgear", "jewellery", "jewelry", "rubbish", "garbage", "trash", "sky diving",
}  # fmt: skip
_LINK = re.compile(r" (?:of|with|in|on|at|for|from|to|behind|made|under|near|without) ")
_MEN = re.compile(
    r"(?<!hu)(?<![Gg]er)(?<![Rr]o)(?<!sha)(?<!cai)man$"
)  # fireman, but not human, German
_HISSING = re.compile(r"(?:[sxz]|[cs]h)$")
_CONSONANT_Y = re.compile(r"[^aeiou]y$")

# Sounds that their letters hide: "an hour", "a unicorn", "an 8", "an X-ray".
_AN_BEFORE = re.compile(
    r"(?:hour|honest|honou?r|heir)|8|1[18](?:\b|\d\d\d\b)|[fhlmnrsx]-", re.IGNORECASE
)
_A_BEFORE = re.compile(
    r"(?:uni(?!n|m)|use|usu|uti|euro|ewe|one\b|once\b|ubiq|uk|ufo|usb|uv\b|u-)", re.IGNORECASE
)
_LETTER_NAMES = re.compile(r"(?:[AEFHILMNORSX][A-Z]{1,3}s?|[AEFHILMNORSX])\b")  # an SUV, an LED
_SMALL_WORDS = frozenset({
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "into", "nor", "of", "off",
    "on", "onto", "or", "out", "over", "the", "to", "up", "with",
})  # fmt: skip

# Words that carry the sentence and not what is seen: nobody looks for synonyms of them.
FUNCTION_WORDS = frozenset({
    "a", "about", "above", "across", "after", "against", "all", "along", "also", "am", "among",
    "an", "and", "another", "any", "are", "around", "as", "at", "away", "back", "be", "because",
    "been", "before", "behind", "being", "below", "between", "both", "but", "by", "can", "could",
    "did", "do", "does", "doing", "done", "down", "during", "each", "either", "else", "even",
    "ever", "every", "few", "for", "from", "get", "gets", "getting", "had", "has", "have",
    "having", "he", "her", "here", "hers", "herself", "him", "himself", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "itself", "just", "less", "let", "like", "lot", "made",
    "make", "makes", "making", "many", "may", "me", "might", "mine", "more", "most", "much",
    "must", "my", "neither", "no", "nor", "not", "of", "off", "on", "one", "ones", "only", "onto",
    "or", "other", "others", "our", "ours", "out", "over", "own", "per", "put", "same", "several",
    "shall", "she", "should", "so", "some", "someone", "something", "such", "than", "that", "the",
    "their", "theirs", "them", "themselves", "then", "there", "these", "they", "this", "those",
    "through", "to", "together", "too", "toward", "towards", "under", "until", "up", "upon", "us",
    "very", "via", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "whose", "why", "will", "with", "within", "without", "would", "yet", "you", "your", "yours",
    "zero", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "first", "second", "third",
})  # fmt: skip


class Case(Enum):
    """How a word is written: as the map has it, First letter, Each Word, or ALL LETTERS."""

    AS_IS = "as is"
    FIRST = "first"
    TITLE = "title"
    UPPER = "upper"


def pluralise(phrase: str) -> str:
    """The plural of a noun phrase's head: disc -> discs, piece of cake -> pieces of cake."""
    link = _LINK.search(phrase)
    head, rest = (phrase[: link.start()], phrase[link.start() :]) if link else (phrase, "")
    before, space, noun = head.rpartition(" ")
    return before + space + _plural_noun(noun) + rest


def possessive(phrase: str, is_plural: bool, apostrophe: str = "'") -> str:
    """Whose it is: kid -> kid's, kids -> kids', men -> men's."""
    bare = is_plural and phrase.endswith(("s", "S"))
    return phrase + apostrophe + ("" if bare else "s")


def indefinite_article(word: str) -> str:
    """ "a" or "an", as the word after it sounds. word: written as in a sentence, not in capitals."""
    if _AN_BEFORE.match(word) or _LETTER_NAMES.match(word):
        return "an"
    return "an" if word[:1].lower() in "aeiou" and not _A_BEFORE.match(word) else "a"


def in_case(phrase: str, case: Case) -> str:
    """The phrase with its capitals: love heart -> Love heart, Love Heart, LOVE HEART."""
    if case is Case.AS_IS:
        return phrase
    if case is Case.UPPER:
        return phrase.upper()
    if case is Case.FIRST:
        return _capital(phrase)
    first, *others = phrase.split(" ")
    return " ".join(
        [_capital(first), *(word if word in _SMALL_WORDS else _capital(word) for word in others)]
    )


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _plural_noun(noun: str) -> str:
    if noun in _UNCHANGED:
        return noun
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if _MEN.search(noun):
        return noun[:-3] + "men"
    if _HISSING.search(noun):
        return noun + "es"
    if _CONSONANT_Y.search(noun):
        return noun[:-1] + "ies"
    return noun + "s"
