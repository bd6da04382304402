"""Words and phrases for autocompletion."""

from __future__ import annotations

from common.captions.wording import MAX_PHRASES, MAX_WORDS, count_wording


def test_capitals_and_small_letters_are_one_word_in_its_usual_spelling() -> None:
    found = count_wording(["A cat", "a cat in Paris", "Paris, a city", "PARIS"])
    assert found.words[:3] == [("a", 3), ("Paris", 3), ("cat", 2)]


def test_a_phrase_must_occur_twice_and_may_not_cross_punctuation() -> None:
    found = count_wording(["red cat, blue dog", "red cat; blue dog", "a blue cat"])
    assert found.phrases == [("blue dog", 2), ("red cat", 2)]


def test_a_phrase_that_always_goes_on_alike_is_left_to_the_longer_one() -> None:
    found = count_wording(["sitting on the mat", "sitting on the mat", "on the sofa"])
    texts = [text for text, _ in found.phrases]
    assert "sitting on the mat" in texts
    assert "sitting on" not in texts
    assert ("on the", 3) in found.phrases


def test_tags_contractions_and_scripts_stay_whole() -> None:
    captions = ["looking_at_viewer, don't, well-lit", "हिन्दी भाषा", "خط عربي", "naïve café"]
    words = {text for text, _ in count_wording(captions).words}
    assert words == {
        "looking_at_viewer", "don't", "well-lit", "हिन्दी", "भाषा", "خط", "عربي", "naïve", "café",
    }  # fmt: skip


def test_what_has_no_words_gives_none() -> None:
    assert count_wording(["", "!!! ...", "😀 😀", "x" * 41]).words == []


def test_no_more_is_listed_than_a_browser_should_search() -> None:
    captions = [f"word{number} next{number} last{number}" for number in range(2100)] * 2
    captions += [f"more{number}" for number in range(4000)]
    found = count_wording(captions)
    assert (len(found.words), len(found.phrases)) == (MAX_WORDS, MAX_PHRASES)
