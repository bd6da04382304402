"""Match captions that people bring along to the images of a dataset, by the images' names."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from common.captions.csv_files import PULSE_ROWS, CaptionRow, RejectedRow
from common.captions.files import Pulse, no_pulse
from common.captions.text import MAX_CAPTIONS


@dataclass(frozen=True)
class Head:
    """A caption as it stands: None when it was taken away. revision: to be written over."""

    text: str | None
    revision: int


@dataclass(frozen=True)
class NamedImage:
    """An image of the dataset: its id, its path in it, its captions by slot, its content's hash.

    heads: of the slots that somebody has written.
    """

    image_id: int
    filename: str
    heads: Mapping[int, Head] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True)
class Change:
    """A caption to be written."""

    image_id: int
    slot: int
    text: str
    base_revision: int


@dataclass
class ImportPlan:
    """What an import will do.

    changes: those of one image follow each other. unchanged: captions that stand already. kept:
    names of images whose captions are others and stay. unmatched: names for which the dataset has
    no image, each once, in their order. tags: of the images whose rows have one.
    """

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    kept: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    tags: dict[int, str] = field(default_factory=dict)


def plan_import(
    rows: Iterable[CaptionRow],
    images: Sequence[NamedImage],
    *,
    aliases: Mapping[str, int] | None = None,
    fill_only: bool = False,
    pulse: Pulse = no_pulse,
) -> ImportPlan:
    """Find the image of each row: by its path, by the path's end, by the name without extension.

    Upper and lower case do not matter unless two names differ in nothing else. A name that fits
    several images equally well is rejected. aliases: {name: image id} of files that came together
    with the rows; they go before the dataset's own names. fill_only: images that have other
    captions keep them. pulse: called now and then with the number of rows so far; what it raises ends it.

    Several rows for an image are several captions, in their order: so do index.csv and the tables
    of the known caption datasets (Flickr30k, COCO) have them. Equal ones count once. When several
    files speak of an image, the first one counts and what differs in the others is rejected.
    """
    plan = ImportPlan()
    wanted = _match(rows, _Finders(images, aliases or {}), plan, pulse)
    known = {image.image_id: image for image in images}
    for image_id, own in wanted.items():
        _plan_image(known[image_id], own, plan, fill_only)
    return plan


def _match(
    rows: Iterable[CaptionRow], finders: _Finders, plan: ImportPlan, pulse: Pulse
) -> dict[int, list[CaptionRow]]:
    """The rows of each image that was found; equal ones once."""
    wanted: dict[int, list[CaptionRow]] = {}
    unmatched: dict[str, None] = {}
    name, found = "", list[int]()
    for number, row in enumerate(rows):
        if number % PULSE_ROWS == 0:
            pulse(number)
        if row.name != name:  # the captions of an image often follow each other
            name, found = row.name, finders.find(row.name)
        if len(found) == 1:
            _take(row, wanted.setdefault(found[0], []), plan)
        elif found:
            reason = f"{len(found)} images may be meant by {row.name}; give the folder as well"
            plan.rejected.append(RejectedRow(row.line, reason, row.name))
        else:
            unmatched[row.name] = None
    plan.unmatched = list(unmatched)
    return wanted


def _take(row: CaptionRow, own: list[CaptionRow], plan: ImportPlan) -> None:
    if any(row.caption == other.caption for other in own):
        return
    if own and own[0].source != row.source:
        reason = f"the image has its captions from {own[0].source} already"
    elif len(own) == MAX_CAPTIONS:
        reason = f"an image has at most {MAX_CAPTIONS} captions"
    else:
        own.append(row)
        return
    plan.rejected.append(RejectedRow(row.line, reason, row.name))


def _plan_image(
    image: NamedImage, own: list[CaptionRow], plan: ImportPlan, fill_only: bool
) -> None:
    """Put each caption that does not stand yet into its slot, or the next one that is free for it.

    Free is a slot without a caption, or with one that the rows do not have: that is written over.
    Captions beyond the rows stay.
    """
    if tag := next((row.tag for row in own if row.tag), ""):
        plan.tags[image.image_id] = tag
    standing = {slot: head.text for slot, head in image.heads.items() if head.text is not None}
    texts = {row.caption for row in own}
    new = [(place, row) for place, row in enumerate(own) if row.caption not in standing.values()]
    if new and fill_only and standing:
        plan.kept.append(image.filename)
        return
    plan.unchanged += len(own) - len(new)
    taken = {slot for slot, text in standing.items() if text in texts}
    for place, row in new:
        slot = place if place not in taken else _free_slot(taken, standing)
        taken.add(slot)
        head = image.heads.get(slot)
        revision = head.revision if head else 0
        plan.changes.append(Change(image.image_id, slot, row.caption, revision))


def _free_slot(taken: set[int], standing: Mapping[int, str]) -> int:
    """The first slot with no caption, else the first that may be written over.

    There is one: an image has as many slots as rows at most, and `taken` only those of rows.
    """
    open_slots = [slot for slot in range(MAX_CAPTIONS) if slot not in taken]
    return next((slot for slot in open_slots if slot not in standing), open_slots[0])


class _Finders:
    """First the files that came together with the rows, by their whole path; then the dataset."""

    def __init__(self, images: Sequence[NamedImage], aliases: Mapping[str, int]) -> None:
        self._dataset = _Finder(images)
        self._came: dict[str, set[int]] = defaultdict(set)
        for name, image_id in aliases.items():
            path = _normal(name)
            for key in {path, _stem(path)}:
                self._came[key].add(image_id)

    def find(self, name: str) -> list[int]:
        """The ids of the images that the name fits best; empty when it fits none."""
        path = _normal(name)
        for key in (path, _stem(path)) if self._came else ():
            if len(came := self._came.get(key, set())) == 1:
                return list(came)
        return self._dataset.find(name)


class _Finder:
    """Image ids by path, by base name, by path and base name without extension, and by hash."""

    def __init__(self, images: Sequence[NamedImage]) -> None:
        self._ids: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._bases: set[str] = set()  # with and without extension, in any case
        self._depth = 1  # of the deepest path
        for image in images:
            path = _normal(image.filename)
            stem = _stem(path)
            names = {"path": path, "base": _base(path), "stem": stem, "base stem": _base(stem)}
            for kind, name in names.items():
                self._ids[kind, name].append(image.image_id)
                self._ids[f"{kind}, any case", name.casefold()].append(image.image_id)
            if image.sha256:  # the service's own index.csv names images so
                self._ids["base stem", image.sha256].append(image.image_id)
            self._bases |= {names["base"].casefold(), names["base stem"].casefold(), image.sha256}
            self._depth = max(self._depth, path.count("/") + 1)

    def find(self, name: str) -> list[int]:
        """The ids of the images that the name fits best; empty when it fits none."""
        path = _normal(name)
        stem = _stem(path)
        if not {_base(path).casefold(), _base(stem).casefold()} & self._bases:
            return []  # whichever way it is looked for, the last part must be known
        for whole, base, wanted in (
            ("path", "base", path),
            ("stem", "base stem", path),
            ("stem", "base stem", stem),
        ):
            ends = [(whole, end) for end in _ends(wanted, self._depth)] + [(base, _base(wanted))]
            for kind, end in ends:
                found = self._ids.get((kind, end)) or self._ids.get(
                    (f"{kind}, any case", end.casefold())
                )
                if found:
                    return list(dict.fromkeys(found))
        return []


def _normal(name: str) -> str:
    if name.isascii():
        return name.removeprefix("./")
    return unicodedata.normalize("NFC", name).removeprefix("./")


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """The path without the extension of its last part; a leading dot begins no extension."""
    folder, slash, base = path.rpartition("/")
    name, dot, _ = base.rpartition(".")
    return folder + slash + (name if dot and name else base)


def _ends(path: str, depth: int) -> list[str]:
    """The path, then what is left of it without its first folder, its first two, ...; `depth` parts at most."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(max(0, len(parts) - depth), len(parts))]
