"""`clip-browser weights add`: published weights that somebody brings, checked and put where they are looked for.

python -m workers.models.placement FILE|- --model M --tag T

From standard input a container gets them whoever owns the file: what is placed belongs to the user that
the workers run as.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

from common.errors import ClipBrowserError, InvalidInput
from common.file_modes import PRIVATE_UMASK
from common.models.catalogue import get_model, get_tag, resolve_architecture
from common.settings import load_settings

BLOCK_BYTES = 8 * 1024 * 1024
ZIP = b"PK\x03\x04"  # PyTorch's own files since 1.6
MAX_HEADER_BYTES = 100_000_000  # of a safetensors file: its length stands in the first eight bytes


def place_weights(source: BinaryIO, model: str, tag: str, weights_dir: Path) -> Path:
    """The file that was made; one that was there for this tag is replaced once the new one is loaded.

    Raises InvalidInput when they are no weights of this model, or the catalogue has no such model or tag.
    """
    known, record = get_model(model), get_tag(model, tag)
    folder = weights_dir / known.name
    folder.mkdir(parents=True, exist_ok=True)
    head = source.read(8)
    suffix = _suffix(head)
    part = folder / f".{record.tag}.part{suffix}"
    try:
        with part.open("wb") as file:
            file.write(head)
            shutil.copyfileobj(source, file, BLOCK_BYTES)
            file.flush()
            os.fsync(file.fileno())
        _check(part, known.name, record.tag)
        placed = folder / f"{record.tag}{suffix}"
        for other in folder.glob(f"{record.tag}.*"):
            if other != placed:
                other.unlink()
        return part.replace(placed)
    finally:
        part.unlink(missing_ok=True)


def _suffix(head: bytes) -> str:
    """The ending by which open_clip tells how to read a file. Raises InvalidInput."""
    if head[:4] == ZIP:
        return ".pt"
    if len(head) == 8 and 0 < int.from_bytes(head, "little") < MAX_HEADER_BYTES:
        return ".safetensors"
    raise InvalidInput(
        "The file is neither a safetensors file nor one that PyTorch wrote.",
        remedy="Fetch the file again; an error page saved under its name is a usual reason.",
    )


def _check(file: Path, model: str, tag: str) -> None:
    """Load the weights once, as a training would. Raises InvalidInput."""
    from workers.models.clip_model import create_clip

    create_clip(resolve_architecture(model, tag), file, tag=tag)


def main() -> int:
    """0, and where they are; 1 and a sentence."""
    parser = argparse.ArgumentParser(prog="clip-browser weights add")
    parser.add_argument("file", help="the weights; - for standard input")
    parser.add_argument("--model", required=True)
    parser.add_argument("--tag", required=True)
    arguments = parser.parse_args()
    os.umask(PRIVATE_UMASK)
    weights_dir = load_settings().weights_dir
    try:
        if arguments.file == "-":
            placed = place_weights(sys.stdin.buffer, arguments.model, arguments.tag, weights_dir)
        else:
            with Path(arguments.file).open("rb") as source:
                placed = place_weights(source, arguments.model, arguments.tag, weights_dir)
    except (ClipBrowserError, OSError) as problem:
        remedy = getattr(problem, "remedy", "")
        print(f"{problem} {remedy}".strip(), file=sys.stderr)
        return 1
    print(f"{arguments.model}/{arguments.tag} can be used: {placed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
