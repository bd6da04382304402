"""Whether paraphrases by a language model can be asked for, and what is missing if not."""

from __future__ import annotations

from typing import Any, Literal

from api.ops.schemas import LlmState
from common.settings import Settings

INSTALL = "Run `make llm` on the GPU worker's machine, or augment with synonyms."


def llm_state(settings: Settings, live: list[dict[str, Any]]) -> LlmState:
    """From what the live workers tell of themselves."""
    how: Literal["endpoint", "vllm"] | None
    workers = [worker for worker in live if "gpu" in worker["queues"]]
    able = [worker["llm"] for worker in workers if (worker.get("llm") or {}).get("vllm")]
    here = any(one["here"] for one in able)
    if settings.llm_base_url:
        how, here, message, remedy = "endpoint", True, "", ""
    elif not workers:
        how, message, remedy = None, "No GPU worker runs.", "Start one: the job waits until then."
    elif not able:
        how, message, remedy = None, "vLLM is not installed on the GPU worker.", INSTALL
    elif not here:
        how, message = "vllm", "The model is downloaded at its first use, some GB."
        remedy = "`make llm` fetches it beforehand."
    else:
        how, message, remedy = "vllm", "", ""
    return LlmState(
        available=how is not None,
        how=how,
        model=settings.llm_model,
        here=here,
        message=message,
        remedy=remedy,
    )
