"""What could judge paraphrases in place of the English rules: `python -m bench.paraphrase_filter --judge NAME`.

A judge gives each pair of caption and candidate a score; a pair is kept from a threshold on, the one with
the best F1 on the tuning part. The rules of form (empty, chatter, cut off ...) stand before each judge.

- encoder: the cosine of the sentence encoder that the filter has anyway.
- learned: a logistic regression on |a - b|, a * b and the cosine of its vectors, learnt from the tuning part.
- llm: a language model as its own judge: how much likelier "Yes" is than "No" after eight shown answers.
- nli: a model for natural-language inference; the lower of "caption entails candidate" and the reverse.

`--model FOLDER` is the model of the last two, as transformers loads it (`.ci/llm.sh` makes one for llm).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.paraphrase_pairs import Measured, Pair
from workers.paraphrase.rules import form_reasons
from workers.paraphrase.sentence_encoder import SentenceEncoder

Scores = NDArray[np.float64]

_SYSTEM = (
    "You compare captions of images. Any other object, number, colour, place or role means No."
)
_SHOWN = (
    ("a brown dog runs along the beach", "along the beach a brown dog is running", "Yes"),
    ("two women in red coats wait for a bus", "three women in red coats wait for a bus", "No"),
    ("a cup on a white plate", "a mug on a white dish", "Yes"),
    ("a man pushes a bicycle", "a man rides a bicycle", "No"),
    ("a green boat beside a pier", "a blue boat beside a pier", "No"),
    ("the window is not open", "the window is closed", "Yes"),
    ("a hen follows a goose", "a goose follows a hen", "No"),
    ("a girl and a kite on a meadow", "a meadow with a girl and a kite", "Yes"),
)


def measure_judge(name: str, pairs: Sequence[Pair], model: Path) -> tuple[Measured, float]:
    """(which pairs a judge keeps, pairs it judges in a second of one core)."""
    began = time.process_time()
    scores = _JUDGES[name](pairs, model)
    speed = len(pairs) / (time.process_time() - began)
    well_formed = np.array([not form_reasons(pair.caption, pair.candidate) for pair in pairs])
    tuned = np.array([pair.part == "tune" for pair in pairs])
    good = np.array([pair.good for pair in pairs])
    least = _best_threshold(scores[tuned & well_formed], good[tuned & well_formed])
    return Measured(pairs, [bool(kept) for kept in well_formed & (scores >= least)]), speed


def _best_threshold(scores: Scores, good: NDArray[np.bool_]) -> float:
    """The score from which on keeping gives the best F1."""
    order = np.argsort(-scores)
    right = np.cumsum(good[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + good.sum())
    return float(scores[order][np.argmax(f1)])


def _encode(pairs: Sequence[Pair]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    encoder = SentenceEncoder()
    captions = encoder.encode([pair.caption for pair in pairs])
    return captions, encoder.encode([pair.candidate for pair in pairs])


def _by_encoder(pairs: Sequence[Pair], _: Path) -> Scores:
    ours, theirs = _encode(pairs)
    return np.asarray(np.sum(ours * theirs, axis=1), dtype=np.float64)


def _by_learning(pairs: Sequence[Pair], _: Path) -> Scores:
    """Those of the tuning part are scored by models that have not seen their captions."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ours, theirs = _encode(pairs)
    cosine = np.sum(ours * theirs, axis=1, keepdims=True)
    seen = np.hstack([np.abs(ours - theirs), ours * theirs, cosine])
    good = np.array([pair.good for pair in pairs])
    tuned = np.array([pair.part == "tune" for pair in pairs])
    captions = [pair.caption for pair in pairs if pair.part == "tune"]
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    scores = np.empty(len(pairs))
    scores[tuned] = cross_val_predict(
        judge, seen[tuned], good[tuned], groups=captions, cv=GroupKFold(5), method="predict_proba"
    )[:, 1]
    scores[~tuned] = judge.fit(seen[tuned], good[tuned]).predict_proba(seen[~tuned])[:, 1]
    return scores


def _by_llm(pairs: Sequence[Pair], folder: Path) -> Scores:
    """The beginning, which all questions share, is read once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    asked = [_tokens(tokenizer, _conversation(pair.caption, pair.candidate)) for pair in pairs]
    shared = next(at for at, ids in enumerate(zip(*asked, strict=False)) if len(set(ids)) > 1)
    yes, no = (tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("Yes", "No"))
    scores = []
    with torch.inference_mode():
        read = model(torch.tensor([asked[0][:shared]]), use_cache=True).past_key_values
        for ids in asked:
            rest = torch.tensor([ids[shared:]])
            logits = model(rest, past_key_values=read, logits_to_keep=1).logits[0, -1]
            scores.append(float(logits[yes] - logits[no]))
            read.crop(shared - len(ids))
    return np.array(scores)


def _conversation(caption: str, candidate: str) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": _SYSTEM}]
    for one, two, answer in _SHOWN:
        messages += [
            {"role": "user", "content": _question(one, two)},
            {"role": "assistant", "content": answer},
        ]
    return [*messages, {"role": "user", "content": _question(caption, candidate)}]


def _question(one: str, two: str) -> str:
    return (
        f"First caption: {one}\nSecond caption: {two}\n"
        "Do both captions say exactly the same about the image? Answer Yes or No."
    )


def _tokens(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _by_nli(pairs: Sequence[Pair], folder: Path) -> Scores:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    entails = {name.lower(): at for name, at in model.config.label2id.items()}["entailment"]

    def entailed(one: str, two: str) -> float:
        with torch.inference_mode():
            logits = model(**tokenizer(one, two, return_tensors="pt", truncation=True)).logits
        return float(logits.softmax(-1)[0, entails])

    return np.array(
        [
            min(entailed(pair.caption, pair.candidate), entailed(pair.candidate, pair.caption))
            for pair in pairs
        ]
    )


_JUDGES: dict[str, Callable[[Sequence[Pair], Path], Scores]] = {
    "encoder": _by_encoder,
    "learned": _by_learning,
    "llm": _by_llm,
    "nli": _by_nli,
}
JUDGES = tuple(_JUDGES)
