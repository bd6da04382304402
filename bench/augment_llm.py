"""The language model's part of `make bench-augment`, on the CPU: vLLM as the service runs it, against a plain loop.

python -m bench.augment_llm [--captions 64] [--per-caption 3] [--model FOLDER] [--plain-captions N]

Both have the same model in the same 16 bit numbers, the same questions, temperature, top-p and most
tokens; the loop is `transformers.generate`, a caption after the other. Also counted: how many of the
paraphrases in first answers the filter keeps, with and without answers held to a JSON list.
Runs in the environment that `.ci/llm.sh` makes; elsewhere it starts itself again there.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workers.gpu.llm.paraphrasing import TOKENS_PER_STRING, seed_of
from workers.gpu.llm.prompts import make_messages, parse_answer
from workers.gpu.llm.questions import TEMPERATURE, TOP_P, Question
from workers.paraphrase.answers_file import Done

HOME = Path(__file__).parents[1]
MODEL = Path("~/.cache/clip-browser/llm/SmolLM2-135M-Instruct").expanduser()
WHO = ("a brown dog", "two children", "an old man", "three white horses", "a woman in a red coat",
       "a black cat", "a boy with a blue kite", "four yellow buses")  # fmt: skip
DOES = ("on a beach", "in front of a stone house", "beside a wooden fence", "under a green umbrella",
        "at night in the snow", "near a lake", "on a busy street", "in a sunny garden")  # fmt: skip


def main() -> None:
    """Print a table and JSON."""
    if importlib.util.find_spec("vllm") is None:
        made = subprocess.run(["bash", ".ci/llm.sh"], cwd=HOME, stdout=subprocess.PIPE, check=True)
        python = made.stdout.decode().split()[-1]
        subprocess.run([python, "-m", "bench.augment_llm", *sys.argv[1:]], cwd=HOME, check=True)
        return
    arguments = _parser().parse_args()
    captions = [f"{who} {does}" for who, does in itertools.product(WHO, DOES)][: arguments.captions]
    report = compare(arguments.model, captions, arguments.per_caption, arguments.plain_captions)
    for name, value in report.items():
        print(f"{name:52} {value}")
    print(json.dumps(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--captions", type=int, default=64)
    parser.add_argument("--per-caption", type=int, default=3)
    parser.add_argument("--plain-captions", type=int, default=64, help="of the plain loop")
    return parser


def compare(model: Path, captions: list[str], count: int, plain: int) -> dict[str, Any]:
    """Captions a minute of both ways, and shares kept, 0 to 1."""
    from workers.gpu.llm.vllm_engine import Vllm

    report: dict[str, Any] = {"captions": len(captions), "paraphrases of each": count}
    began = time.monotonic()
    engine = Vllm(model.name, model)
    report["vLLM: start (s)"] = round(time.monotonic() - began, 1)
    list(_answers(engine, captions[:2], count))
    for form in ("free text", "JSON list"):
        engine.holds_form = form == "JSON list"
        began = time.monotonic()
        answers = _answers(engine, captions, count)
        took_s = time.monotonic() - began
        report[f"vLLM, {form}: captions a minute"] = round(len(captions) * 60 / took_s, 1)
        report[f"vLLM, {form}: share of first tries kept"] = _share_kept(answers, count)
    some = captions[:plain]
    began = time.monotonic()
    answers = _generate_plainly(model, some, count)
    report["transformers.generate: captions a minute"] = round(
        len(some) * 60 / (time.monotonic() - began), 1
    )
    report["transformers.generate: share of first tries kept"] = _share_kept(answers, count)
    report["vLLM is faster by"] = round(
        report["vLLM, free text: captions a minute"]
        / report["transformers.generate: captions a minute"], 2,
    )  # fmt: skip
    return report


def _answers(engine: Any, captions: list[str], count: int) -> dict[str, str]:
    for caption in captions:
        engine.ask(
            Question(
                caption, make_messages(caption, count), count,
                TOKENS_PER_STRING * count + 20, seed_of(0, caption, 0),
            )
        )  # fmt: skip
    answers: dict[str, str] = {}
    while len(answers) < len(captions):
        answers.update({answer.key: answer.text for answer in engine.collect(1.0)})
    return answers


def _share_kept(answers: dict[str, str], count: int) -> float:
    """Of the texts in these answers, the part that the service would keep."""
    from workers.gpu.llm.child import make_keep

    keep = make_keep()
    tries = kept = 0
    for caption, text in answers.items():
        done, texts = Done(caption), parse_answer(text)[:count]
        keep(done, texts, count)
        tries, kept = tries + len(done.written), kept + len(done.variants)
    return round(kept / max(tries, 1), 3)


def _generate_plainly(folder: Path, captions: list[str], count: int) -> dict[str, str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    answers = {}
    for caption in captions:
        torch.manual_seed(seed_of(0, caption, 0))
        asked = tokenizer.apply_chat_template(
            make_messages(caption, count), add_generation_prompt=True,
            return_tensors="pt", return_dict=True,
        )  # fmt: skip
        with torch.inference_mode():
            made = model.generate(
                **asked, do_sample=True, temperature=TEMPERATURE, top_p=TOP_P, top_k=0,
                max_new_tokens=TOKENS_PER_STRING * count + 20,
            )  # fmt: skip
        new = made[0, asked["input_ids"].shape[1] :]
        answers[caption] = str(tokenizer.decode(new, skip_special_tokens=True))
    return answers


if __name__ == "__main__":
    main()
