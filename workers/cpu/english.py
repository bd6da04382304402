"""The little English that exchanging words needs: plurals, a or an, and keeping upper case."""

from __future__ import annotations

import re

_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice",
    "goose": "geese", "foot": "feet", "tooth": "teeth", "ox": "oxen", "leaf": "leaves",
    "knife": "knives", "wife": "wives", "life": "lives", "shelf": "shelves", "wolf": "wolves",
    "half": "halves", "loaf": "loaves", "calf": "calves", "scarf": "scarves", "thief": "thieves",
    "elf": "elves", "hoof": "hooves", "potato": "potatoes", "tomato": "tomatoes", "hero": "heroes",
    "echo": "echoes", "volcano": "volcanoes", "mango": "mangoes", "bus": "buses",
    "rhombus": "rhombuses", "cactus": "cacti", "quiz": "quizzes", "die": "dice",
}  # fmt: skip
_UNCHANGED = {
    "sheep", "deer", "fish", "aircraft", "spacecraft", "series", "species", "moose", "salmon",
    "trout", "bison", "people", "folk", "trousers", "glasses", "scissors", "clothes", "jeans",
    "pants", "shorts", "sunglasses", "luggage", "furniture", "grass", "water", "snow", "food",
    "cattle", "offspring", "clothing", "equipment",
}  # fmt: skip
_MEN = re.compile(r"(?<!hu)(?<!ger)(?<!ro)man$")  # fireman, but not human, German, Roman

# Sounds that their letters hide: "an hour", "a unicorn".
_AN_BEFORE = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
_A_BEFORE = re.compile(r"(?:uni(?!n|m)|use|usu|uti|euro|ewe|one\b|once\b|ubiq|uk)", re.IGNORECASE)


def pluralise(phrase: str) -> str:
    """The plural of a noun phrase's head: disc -> discs, piece of cake -> pieces of cake."""
    head, link, rest = phrase.partition(" of ")
    before, space, noun = head.rpartition(" ")
    return before + space + _plural_noun(noun) + link + rest


def indefinite_article(word: str) -> str:
    """ "a" or "an", as the word after it sounds."""
    if _AN_BEFORE.match(word):
        return "an"
    return "an" if word[:1].lower() in "aeiou" and not _A_BEFORE.match(word) else "a"


def match_case(replacement: str, replaced: str) -> str:
    """The replacement in the case of what it replaces: Red -> Crimson, RED -> CRIMSON."""
    if replaced.isupper() and sum(character.isalpha() for character in replaced) > 1:
        return replacement.upper()
    if replaced[:1].isupper():
        return replacement[:1].upper() + replacement[1:]
    return replacement


def _plural_noun(noun: str) -> str:
    if noun in _UNCHANGED:
        return noun
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if _MEN.search(noun):
        return noun[:-3] + "men"
    if re.search(r"(?:[sxz]|[cs]h)$", noun):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"
