"""A language model that vLLM runs in this process; batching is left to vLLM."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from common.augment.language_models import FALLBACK, size_bytes
from common.errors import LlmFailed
from workers.gpu.llm.engine_memory import CPU_CACHE_BYTES, gpu_share, require_memory, too_small
from workers.gpu.llm.questions import TEMPERATURE, TOP_P, Answer, Question

CONTEXT_TOKENS = 2048
AT_ONCE = 512  # more than vLLM runs side by side, so that it never waits for questions
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process to end, not two
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",  # the model is a folder by now; nothing is asked of the hub
}
LONGEST_TEXT = 240  # characters; what is longer is no caption that CLIP reads whole
# Compiling takes minutes there. A prompt with a seed that is read in two parts ends vLLM 0.32 on the CPU
# ("CPU Generator does not use offset", gpu_model_runner.py), so none is.
CPU_SETTINGS = {
    "enforce_eager": True,
    "enable_chunked_prefill": False,
    "max_num_batched_tokens": 2 * CONTEXT_TOKENS,
}
_OUT_OF_MEMORY = (
    "out of memory",
    "free memory on device",
    "no available memory",
    "kv cache is needed",
)


class Vllm:
    """The model in a folder. Raises LlmFailed with the remedy for what is wrong."""

    at_once = AT_ONCE
    holds_form = True  # answers can only be JSON lists of so many texts

    def __init__(self, name: str, folder: Path) -> None:
        os.environ.update(ENVIRONMENT)
        try:
            import vllm
            from vllm.exceptions import VLLMValidationError
            from vllm.sampling_params import StructuredOutputsParams

            self._parameters, self._structure = vllm.SamplingParams, StructuredOutputsParams
            self._unfit: type[Exception] = VLLMValidationError
            self._llm: Any = vllm.LLM(
                model=str(folder),
                max_model_len=_context_tokens(folder),
                **_limits(name, folder),
            )
        except LlmFailed:
            raise
        except Exception as problem:  # vLLM raises whatever its parts raise
            raise _explain(name, folder, problem) from problem
        self._keys: dict[str, str] = {}
        self._refused: list[Answer] = []

    def ask(self, question: Question) -> None:
        """See LanguageModel."""
        form = self._structure(regex=list_pattern(question.strings)) if self.holds_form else None
        sampling = self._parameters(
            temperature=TEMPERATURE, top_p=TOP_P, max_tokens=question.max_tokens,
            seed=question.seed, structured_outputs=form,
        )  # fmt: skip
        try:
            (given,) = self._llm.enqueue_chat([question.chat], [sampling], use_tqdm=False)
        except (self._unfit, ValueError) as problem:  # one too long for the model, say
            self._refused.append(Answer(question.key, problem=_failed(problem)))
            return
        self._keys[given.partition("-")[0]] = question.key  # results carry the part before the "-"

    def collect(self, wait_s: float) -> list[Answer]:
        """See LanguageModel; each step of the engine makes one token of every caption in its batch."""
        answers, self._refused = self._refused, []
        end = time.monotonic() + wait_s
        engine = self._llm.llm_engine
        while not answers and time.monotonic() < end and engine.has_unfinished_requests():
            try:
                made = engine.step()
            except Exception as problem:
                raise _failed(problem) from problem
            answers += [
                Answer(self._keys.pop(each.request_id), str(each.outputs[0].text))
                for each in made
                if each.finished
            ]
        return answers


def list_pattern(strings: int) -> str:
    """What an answer has to match: a JSON list of so many texts, spaced as models write one.

    A pattern, since a JSON schema leaves the spaces to the model, and small ones then fill their
    answers with blank lines; brackets would be chatter anyway.
    """
    text = rf'"[^"\\\n\r\t\[\]{{}}]{{4,{LONGEST_TEXT}}}"'
    return rf"\[{text}(, {text}){{{strings - 1}}}\]"


def _context_tokens(folder: Path) -> int:
    """CONTEXT_TOKENS, or what the model has if that is less."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    return min(CONTEXT_TOKENS, int(getattr(config, "max_position_embeddings", CONTEXT_TOKENS)))


def _limits(name: str, folder: Path) -> dict[str, Any]:
    """vLLM's settings of memory for the hardware that it was built for. Raises LlmFailed."""
    import torch
    from vllm.platforms import current_platform

    weights = size_bytes(folder)
    if current_platform.is_cpu():
        cache = int(os.environ.get("VLLM_CPU_KVCACHE_SPACE", "0")) * 1024**3 or CPU_CACHE_BYTES
        memory = psutil.virtual_memory()
        require_memory(name, weights, cache, memory.available, memory.total)
        return {"kv_cache_memory_bytes": cache, **CPU_SETTINGS}
    if not torch.cuda.is_available():
        raise LlmFailed(
            "The vLLM that is installed needs a GPU, and there is none here.",
            remedy=f"Run `make llm` on this machine: it installs the one that fits, {FALLBACK}",
        )
    free, total = torch.cuda.mem_get_info()
    return {"gpu_memory_utilization": gpu_share(name, weights, free, total)}


def _explain(name: str, folder: Path, problem: Exception) -> LlmFailed:
    """Why vLLM could not load a model, in words that say what to do."""
    causes = list(_causes(problem))
    if any(isinstance(each, OSError) and each.errno == 28 for each in causes):
        return LlmFailed(
            f"The disk became full while vLLM loaded {name}.",
            remedy=f"Free disk space (vLLM keeps compiled code in ~/.cache/vllm), {FALLBACK}",
        )
    said = " ".join(str(each).lower() for each in causes)
    if any(words in said for words in _OUT_OF_MEMORY):
        return _too_small(name, folder)
    return LlmFailed(
        f"vLLM could not load {name}: {_first_line(problem)}",
        remedy=f"The job's log has the whole story. Remove {folder} if its download is damaged, choose "
        f"another language model, {FALLBACK}",
    )


def _too_small(name: str, folder: Path) -> LlmFailed:
    import torch

    needed = int(size_bytes(folder) * 1.1) + 2 * CPU_CACHE_BYTES
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return too_small("The GPU", name, needed, free, total)
    memory = psutil.virtual_memory()
    return too_small("This machine", name, needed, memory.available, memory.total)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


def _failed(problem: Exception) -> LlmFailed:
    return LlmFailed(
        f"vLLM failed while it wrote: {_first_line(problem)}", remedy=f"Resume the job, {FALLBACK}"
    )


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
