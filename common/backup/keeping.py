"""How many backups stay in a place; the contents that only older ones had go with them."""

from __future__ import annotations

from common.backup.manifest import OBJECTS, SNAPSHOTS, object_name, read_list, read_manifests
from common.backup.places import Place


def keep_newest(place: Place, count: int) -> int:
    """Remove all but the newest backups, what killed ones left, and contents that none has; how many backups went.

    A backup's manifest goes first, so that it is no backup any more while the rest goes.
    """
    manifests = read_manifests(place)
    kept = manifests[-count:] if count else []
    names = {each.name for each in kept}
    doomed = [name for name, _ in place.list(SNAPSHOTS) if name.split("/")[1] not in names]
    for name in sorted(doomed, key=lambda each: not each.endswith("/manifest.json")):
        place.delete(name)
    needed = {object_name(each.sha256) for one in kept for each in read_list(place, one)}
    for name, _ in list(place.list(OBJECTS)):
        if name not in needed:
            place.delete(name)
    return len(manifests) - len(kept)
