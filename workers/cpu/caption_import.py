"""Match captions that people bring along to the images of a dataset, by the images' names."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from common.csvfiles import CaptionRow, RejectedRow


@dataclass(frozen=True)
class NamedImage:
    """An image of the dataset: its id, its path in it, and its caption if it has one."""

    image_id: int
    filename: str
    caption: str | None = None


@dataclass
class ImportPlan:
    """What an import will do. matched counts the images that were found for a row.

    changes: (image id, caption) to be written. unchanged: images that have this caption already.
    unmatched: names for which the dataset has no image, each once, in their order.
    """

    changes: list[tuple[int, str]] = field(default_factory=list)
    unchanged: int = 0
    unmatched: list[str] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    @property
    def matched(self) -> int:
        """Images for which a row was found."""
        return len(self.changes) + self.unchanged


def plan_import(rows: Iterable[CaptionRow], images: Sequence[NamedImage]) -> ImportPlan:
    """Find the image of each row: by its path, by the path's end, by the name without extension.

    Upper and lower case do not matter unless two names differ in nothing else. A name that fits
    several images equally well is rejected. Of several captions for one image the first counts
    (in a file with variants that is the original) and the others are rejected, equal ones silently.
    """
    finder = _Finder(images)
    captions = {image.image_id: image.caption for image in images}
    taken: dict[int, CaptionRow] = {}
    plan = ImportPlan()
    unmatched: dict[str, None] = {}
    for row in rows:
        found = finder.find(row.name)
        if len(found) == 1:
            _take(row, found[0], taken, plan)
        elif found:
            reason = f"{len(found)} images may be meant by {row.name}; give the folder as well"
            plan.rejected.append(RejectedRow(row.line, reason, row.name))
        else:
            unmatched[row.name] = None
    plan.unmatched = list(unmatched)
    plan.changes = [
        (image_id, row.caption)
        for image_id, row in taken.items()
        if captions[image_id] != row.caption
    ]
    plan.unchanged = len(taken) - len(plan.changes)
    return plan


def _take(row: CaptionRow, image_id: int, taken: dict[int, CaptionRow], plan: ImportPlan) -> None:
    first = taken.setdefault(image_id, row)
    if first.caption != row.caption:
        reason = f"{row.name} has a caption already, from line {first.line}"
        plan.rejected.append(RejectedRow(row.line, reason, row.name))


class _Finder:
    """Image ids by path, by base name and by path and base name without extension."""

    def __init__(self, images: Sequence[NamedImage]) -> None:
        self._ids: dict[tuple[str, str], list[int]] = defaultdict(list)
        for image in images:
            path = _normal(image.filename)
            stem = _stem(path)
            names = {"path": path, "base": _base(path), "stem": stem, "base stem": _base(stem)}
            for kind, name in names.items():
                self._ids[kind, name].append(image.image_id)
                self._ids[f"{kind}, any case", name.casefold()].append(image.image_id)

    def find(self, name: str) -> list[int]:
        """The ids of the images that the name fits best; empty when it fits none."""
        path = _normal(name)
        stem = _stem(path)
        for whole, base, wanted in (
            ("path", "base", path),
            ("stem", "base stem", path),
            ("stem", "base stem", stem),
        ):
            ends = [(whole, end) for end in _ends(wanted)] + [(base, _base(wanted))]
            for kind, end in ends:
                found = self._ids.get((kind, end)) or self._ids.get(
                    (f"{kind}, any case", end.casefold())
                )
                if found:
                    return found
        return []


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name).removeprefix("./")


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """The path without the extension of its last part; a leading dot begins no extension."""
    folder, slash, base = path.rpartition("/")
    name, dot, _ = base.rpartition(".")
    return folder + slash + (name if dot and name else base)


def _ends(path: str) -> list[str]:
    """The path, then what is left of it without its first folder, its first two, ..."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
