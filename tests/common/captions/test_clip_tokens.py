"""Counting CLIP tokens, held against open_clip's own tokenizer."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from common.captions.clip_tokens import CONTEXT_TOKENS, count_tokens

ODD = [
    "", " ", "a", "A cat", "a photo of a cat.", "don't, can't, it's, we're, I'll, I've, I'm, he'd",
    "DON'T IT'S WE'RE", "‘don’t’ “quoted”", "rock'n'roll ''' 's 'S", "O'Brien's dogs' tails",
    "&amp; &lt;b&gt; &amp;amp;lt; &#39; &#x1F600; &nbsp; &notanentity; &copy", "<b>bold</b> <br/>",
    "<start_of_text> a cat <end_of_text>", "<END_OF_TEXT><start_of_text", "<|endoftext|>",
    "😀", "😀😃😄", "👨‍👩‍👧‍👦 family", "🏳️‍🌈 🇩🇪 👍🏽 ❤️", "a😀b😀c", "☕ at 5 o'clock", "©®™℠",
    "قطة حمراء تجلس على السجادة", "חתול אדום", "עִבְרִית עם ניקוד", "mixed عربي and English",
    "\u202bright to left\u202c", "\u200bzero\u200bwidth\u200d", "\ufeffmark", "soft\u00adhyphen",
    "红色的猫坐在垫子上", "赤い猫がマットの上に", "ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ", "ไทยไม่มีช่องว่าง", "고양이", "Привет, мир!",
    "naïve café", "cafe\u0301", "Ångström Å", "ﬁne ﬂow", "İstanbul ısı", "ẞ ß SS", "Ǆ ǆ ǅ", "ΑΣ ας",
    "schÃ¶n (mojibake)", "â€œquotesâ€\x9d", "&Ouml;l", "lâ€™hÃ´tel", "\x1b[31mred\x1b[0m", "\x00\x01",
    "3.14159 1,000,000 2026-11-23 007 ½ ² ① Ⅷ ١٢٣", "v1.2.3-beta+build", "1st 2nd 3rd 4x4",
    "snake_case camelCase kebab-case", "__init__", "C++ C# .NET", "https://example.com/a?b=c&d=e#f",
    "user@example.com", "#hashtag @someone", "$9.99 £5 €3 ¥", "50% off!!! ... ??? —–-", "(a:1.2), [b]",
    "<lora:name:0.8>", "1girl, solo, looking_at_viewer, best_quality", "tab\tand\nnewline\r\n\u2028",
    "  many   spaces\u00a0\u3000 ", "a" * 2000, "ab" * 1000, "!" * 2000, "😀" * 500, "7" * 300, "é" * 999,
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "xqzjkvwpt",
    "\ud7ff\ue000\U0010ffff", "𝔉𝔯𝔞𝔨𝔱𝔲𝔯 𝒮𝒸𝓇𝒾𝓅𝓉", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!",
]  # fmt: skip


@cache
def tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


def counted_by_open_clip(text: str) -> int:
    return len(tokenizer().encode(text)) + 2


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:30])
def test_odd_texts_have_as_many_tokens_as_open_clip_says(text: str) -> None:
    assert count_tokens(text) == counted_by_open_clip(text)


@given(st.text(max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_text_has_as_many_tokens_as_open_clip_says(text: str) -> None:
    assert count_tokens(text) == counted_by_open_clip(text)


@given(st.text("aeinorst'’ &;#<>_", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_of_common_letters_is_merged_alike(text: str) -> None:
    assert count_tokens(text) == counted_by_open_clip(text)


@pytest.mark.parametrize("seed", range(4))
def test_long_words_of_many_scripts_are_merged_alike(seed: int) -> None:
    rng = random.Random(seed)
    scripts = [(0x61, 0x7A), (0xC0, 0x17F), (0x400, 0x4FF), (0x4E00, 0x9FFF), (0x1F300, 0x1F6FF)]
    first, last = scripts[seed % len(scripts)]
    letters = [chr(code) for code in range(first, last + 1)]
    word = "".join(rng.choice(letters) for _ in range(2000))
    word = unicodedata.normalize("NFC", word)
    assert count_tokens(word) == counted_by_open_clip(word)


def test_what_clip_reads_is_cut_at_the_context_and_not_before() -> None:
    fits, too_long = "cat " * (CONTEXT_TOKENS - 2), "cat " * (CONTEXT_TOKENS - 1)
    assert (count_tokens(fits), count_tokens(too_long)) == (77, 78)
    last = tokenizer()([fits])[0, -2:].tolist()
    assert last == [tokenizer().encode("cat")[0], tokenizer().eot_token_id]


def test_the_worst_caption_does_not_hold_up_the_others() -> None:
    rng = random.Random(7)
    worst = "".join(chr(rng.randint(0x1F300, 0x1F6FF)) for _ in range(2000))
    count_tokens("the merges are read")
    began = time.process_time()
    count_tokens(worst)
    assert time.process_time() - began < 0.2


def test_counting_loads_neither_torch_nor_open_clip() -> None:
    program = (
        "import sys; from common.captions.clip_tokens import count_tokens; assert count_tokens('a cat') == 4; "
        "assert not {'torch', 'open_clip', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
