"""Paraphrases in a process of its own: `python -m workers.gpu.llm_child CONFIG.json`.

The configuration: `captions` (a list of texts), `per_caption`, `seed`, `model`, `base_url`,
`done_file`. The endpoint's key comes from the settings, so that it is in no file. Each caption's
variants are a line `{"caption", "variants"}` of `done_file` as soon as they are there, so a run that
was stopped or killed goes on where it was.
The result: `{captions, variants}` with counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import LlmFailed
from common.settings import load_settings
from workers import child_io
from workers.child_io import Emitter, Stopped
from workers.gpu.language_model import FALLBACK, LanguageModel, open_language_model
from workers.gpu.paraphrase_text import keep_fit, make_messages, parse_answer
from workers.paraphrase_file import read_done

CAPTIONS_AT_ONCE = 16
ROUNDS = 3  # a caption with too few fit variants is asked for again, with another seed
TOKENS_PER_VARIANT = 60


def run(emitter: Emitter, config: dict[str, Any]) -> dict[str, Any]:
    """Paraphrase every caption. Raises LlmFailed, child_io.Stopped."""
    done_file = Path(config["done_file"])
    done = read_done(done_file)
    waiting = [text for text in dict.fromkeys(config["captions"]) if text not in done]
    total = len(waiting) + len(done)
    if waiting:
        emitter.progress(len(done), total, "captions", "loading the language model")
        api_key = load_settings().llm_api_key
        model = open_language_model(config["model"], config["base_url"], api_key)
        _write_all(emitter, config, model, waiting, done, done_file)
    variants = sum(len(texts) for texts in done.values())
    if config["captions"] and not variants:
        raise LlmFailed(
            f"{config['model']} wrote no fit paraphrase of {total} captions.",
            remedy=f"Choose a larger language model, {FALLBACK}",
        )
    return {"captions": len(done), "variants": variants}


def _write_all(
    emitter: Emitter,
    config: dict[str, Any],
    model: LanguageModel,
    waiting: Sequence[str],
    done: dict[str, list[str]],
    done_file: Path,
) -> None:
    total = len(waiting) + len(done)
    with done_file.open("a", encoding="utf-8") as out:
        for start in range(0, len(waiting), CAPTIONS_AT_ONCE):
            emitter.progress(len(done), total, "captions", "paraphrasing")
            if child_io.stop_event().is_set():
                raise Stopped(captions=len(done), resumable=True)
            some = waiting[start : start + CAPTIONS_AT_ONCE]
            made = paraphrase(model, some, config["per_caption"], config["seed"] + start)
            for caption in some:
                done[caption] = made[caption]
                out.write(json.dumps({"caption": caption, "variants": made[caption]}) + "\n")
            out.flush()
    emitter.progress(len(done), total, "captions", "paraphrasing")


def paraphrase(
    model: LanguageModel, captions: Sequence[str], count: int, seed: int
) -> dict[str, list[str]]:
    """{caption: its fit variants, at most `count`}. Raises LlmFailed."""
    kept: dict[str, list[str]] = {caption: [] for caption in captions}
    for attempt in range(ROUNDS):
        short = [caption for caption in captions if len(kept[caption]) < count]
        if not short:
            break
        chats = [make_messages(caption, count) for caption in short]
        answers = model.answer(chats, TOKENS_PER_VARIANT * count + 20, seed * ROUNDS + attempt)
        for caption, answer in zip(short, answers, strict=True):
            kept[caption] = keep_fit(caption, [*kept[caption], *parse_answer(answer)], count)
    return kept


if __name__ == "__main__":
    child_io.main(run)
