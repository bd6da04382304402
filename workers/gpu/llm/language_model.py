"""The two ways to a language model: vLLM in this process, or an OpenAI-compatible endpoint."""

from __future__ import annotations

import importlib.util

from common.augment.language_models import FALLBACK, is_folder_name, require_folder
from common.errors import LlmFailed
from common.settings import Settings
from workers.gpu.llm.address import require_public
from workers.gpu.llm.chat_endpoint import Endpoint
from workers.gpu.llm.questions import LanguageModel
from workers.gpu.llm.vllm_engine import Vllm
from workers.paraphrase.model_download import Report, obtain_language_model

INSTALL = "Run `make llm` on the GPU worker's machine: it installs the vLLM that fits the hardware,"


def open_language_model(model: str, settings: Settings, report: Report) -> LanguageModel:
    """The endpoint if there is one, else vLLM with the model's folder, downloaded if need be.

    report: told (bytes here, bytes in all) of a download. Raises LlmFailed.
    """
    if settings.llm_base_url:
        if not settings.llm_private_addresses:
            require_public(settings.llm_base_url)
        return Endpoint(
            model, settings.llm_base_url, settings.llm_api_key,
            settings.llm_requests, settings.llm_timeout_s,
        )  # fmt: skip
    if importlib.util.find_spec("vllm") is None:
        raise LlmFailed("vLLM is not installed on this worker.", remedy=f"{INSTALL} {FALLBACK}")
    if is_folder_name(model):
        return Vllm(model, require_folder(model))
    return Vllm(model, obtain_language_model(model, settings.weights_dir, report))
