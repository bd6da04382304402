"""Paraphrases in a process of its own: `python -m workers.gpu.llm.child CONFIG.json`.

The configuration: `captions` (a list of texts), `per_caption`, `seed`, `model`, `base_url`, `private_addresses`,
`done_file`. The endpoint's key comes from the settings, so that it is in no file. Each answer is a
line of `done_file` as soon as it is there (`workers/paraphrase/answers_file.py`), so a run that was stopped or
killed goes on where it was.
The result: `{captions, variants, first_tries, first_kept, rejected_for}`, counts of texts; first_...
are of the first answer to each caption, and rejected_for is `{reason: texts}`.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.augment.language_models import FALLBACK
from common.errors import LlmFailed
from common.settings import load_settings
from workers.gpu.llm.language_model import open_language_model
from workers.gpu.llm.paraphrasing import Keep, Paraphrasing
from workers.gpu.llm.questions import LanguageModel
from workers.paraphrase.answers_file import Done, read_done, write_done
from workers.paraphrase.filter import rule_of, sift
from workers.paraphrase.sentence_encoder import SentenceEncoder
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

MB = 1000 * 1000


def run(emitter: Emitter, config: dict[str, Any]) -> dict[str, Any]:
    """Paraphrase every caption. Raises LlmFailed, child_io.Stopped."""
    done_file = Path(config["done_file"])
    known = read_done(done_file)
    captions = [known.get(text) or Done(text) for text in dict.fromkeys(config["captions"])]
    asking = Paraphrasing(config["per_caption"], config["seed"], make_keep())
    waiting = [each for each in captions if not asking.is_done(each)]
    if waiting:
        with _ending_at_once(emitter, captions=len(captions) - len(waiting)):
            model = _open_model(emitter, config)
        _ask_all(emitter, asking, model, captions, done_file)
    return _result(config["model"], captions)


def _open_model(emitter: Emitter, config: dict[str, Any]) -> LanguageModel:
    told = -1

    def report(done: int, total: int) -> None:
        nonlocal told
        if done // MB > told:
            told = done // MB
            words = f"downloading {config['model']} (only the first time)"
            emitter.progress(told, total // MB, "MB", words)

    emitter.progress(message="loading the language model")
    settings = load_settings(
        llm_base_url=config["base_url"], llm_private_addresses=config["private_addresses"]
    )
    return open_language_model(config["model"], settings, report)


def _ask_all(
    emitter: Emitter,
    asking: Paraphrasing,
    model: LanguageModel,
    captions: list[Done],
    done_file: Path,
) -> None:
    total = len(captions)
    waiting = [each for each in captions if not asking.is_done(each)]
    finished = total - len(waiting)
    emitter.progress(finished, total, "captions", "paraphrasing")
    with done_file.open("a", encoding="utf-8") as out:

        def save(caption: Done) -> None:
            nonlocal finished
            write_done(out, caption)
            finished += asking.is_done(caption)
            emitter.progress(finished, total, "captions", "paraphrasing")
            emitter.reached(finished)

        if not asking.run(model, waiting, save, child_io.stop_event().is_set):
            raise Stopped(captions=finished, resumable=True)
    if asking.failed:
        first = next(iter(asking.failed.values()))
        emitter.note(f"{len(asking.failed):,} captions got no answer. {first.message}")


def make_keep() -> Keep:
    """What adds an answer's texts to a caption, with the filter's word on each."""
    encoder = SentenceEncoder()

    def keep(caption: Done, texts: list[str], count: int) -> None:
        kept = [each.text for each in caption.variants]
        caption.written += sift(caption.caption, texts, count, encoder, kept)

    return keep


def _result(model: str, captions: list[Done]) -> dict[str, Any]:
    variants = sum(len(each.variants) for each in captions)
    if captions and not variants:
        raise LlmFailed(
            f"{model} wrote no fit paraphrase of {len(captions):,} captions.",
            remedy=f"Choose a larger language model, {FALLBACK}",
        )
    return {
        "captions": len(captions),
        "variants": variants,
        "first_tries": sum(each.first_tries for each in captions),
        "first_kept": sum(each.first_kept for each in captions),
        "rejected_for": _count_reasons(captions),
    }


def _count_reasons(captions: list[Done]) -> dict[str, int]:
    """{rule of the filter: texts it rejected}, the most frequent first; of each text the first rule."""
    reasons = (text.reasons[0] for each in captions for text in each.written if text.reasons)
    return dict(Counter(map(rule_of, reasons)).most_common())


@contextmanager
def _ending_at_once(emitter: Emitter, **facts: Any) -> Iterator[None]:
    """A stop in here ends this process where it is: there is nothing to save, and loading takes long."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            if child_io.stop_event().is_set():
                emitter.stopped(**facts, resumable=True)
                os._exit(0)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


if __name__ == "__main__":
    try:
        child_io.main(run)
    except SystemExit as end:
        os._exit(
            int(end.code or 0)
        )  # all is said and written; taking the engine apart takes seconds
