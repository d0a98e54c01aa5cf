"""Which parts of an upload need not be sent, and as which objects a client sends the others to the store of blobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelsync_jupyter.core.parts import MIB, Part, gather

from .blobs.protocol import Direct, blob_of, direct_name, run_name
from .catalog import uploads
from .catalog.archives import readable_parts, readable_parts_of
from .catalog.users import Caller
from .service import Registry

#: Bytes of neighbouring parts in one object of a bucket, nearly.
_LONGEST_OBJECT = 32 * MIB


@dataclass(frozen=True, slots=True)
class Coming:
    """What a client is to send to the store of blobs as one object: neighbouring parts, in order."""

    name: str
    parts: tuple[Part, ...]

    @property
    def numbers(self) -> str:
        """Numbers of the first and the last part."""
        return f"{self.parts[0].number}-{self.parts[-1].number}"


def note_present(
    registry: Registry,
    caller: Caller,
    uid: str,
    parts: Sequence[Part],
    direct: Direct | None = None,
    *,
    threads: int = 0,
    again: bool = False,
) -> tuple[list[int], list[Coming]]:
    """Find the declared parts of an upload that need not be sent, and note them as received.

    These are the parts of versions that the caller may read, and those that the caller sent before. To know a digest is
    not enough: it would tell whether others have such bytes, and `complete` would hand them over. Of what clients sent
    to the store of blobs themselves, nobody has checked the digest: it counts for the user alone who sent it.

    Args:
        registry: The registry.
        caller: Who began the upload.
        uid: The upload.
        parts: What was declared.
        direct: The store of blobs, where the other parts are to be sent to it.
        threads: How many objects the client sends at the same time; 0 for one that sends each part as one.
        again: Whether all of them have to come, whatever is there.

    Returns:
        Their numbers, and what is to be sent to the store of blobs.
    """
    places: dict[tuple[str, int], tuple[str, int]] = {}
    if direct:
        _note_arrived(registry, caller, uid, direct)
    with registry.database.read() as connection:
        upload = uploads.find_upload(connection, uid, caller=caller)
        known = set() if again else readable_parts_of(connection, caller, upload.id)
        if direct:
            places = uploads.places_of(connection, caller, known)
    found = [part for part in parts if part.digest in known]
    there: dict[int, uploads.Location] = {
        part.number: place for part in found if (place := places.get((part.digest, part.size)))
    }
    if there:  # not garbage from here on
        with registry.database.write(durable=False) as connection:
            uploads.check_open(uploads.find_upload(connection, uid, lock=True))
            uploads.record_places(connection, upload.id, there)
    here: list[Part] = []
    names: dict[int, uploads.Location] = {}
    wanted = {blob_of(place[0], size) for (_, size), place in places.items()}
    stored = registry.blobs.find(wanted | {(part.digest, part.size) for part in found})
    for part in found:
        place = places.get((part.digest, part.size))
        if place and blob_of(place[0], part.size) in stored:
            here.append(part)
        elif (part.digest, part.size) in stored:
            here.append(part)
            names[part.number] = (None, 0)
    numbers = {part.number for part in here}
    if not here and not direct:
        uploads.check_open(upload)
        return [], []
    coming = _gather(uid, [part for part in parts if part.number not in numbers], threads) if direct else []
    for each in coming:
        names |= {part.number: (each.name, part.start - each.parts[0].start) for part in each.parts}
    with registry.database.write(durable=False) as connection:
        uploads.check_open(uploads.find_upload(connection, uid, lock=True))
        uploads.record_present(connection, upload.id, here)
        uploads.record_places(connection, upload.id, names)
    return sorted(numbers), coming


def _gather(uid: str, parts: Sequence[Part], threads: int) -> list[Coming]:
    """Gather parts that are to come into objects.

    Each object costs a request each way, so neighbours share one; but what is sent of one is lost if it is interrupted,
    and all threads are to have some to send until the end.
    """
    if not threads:
        return [Coming(direct_name(uid, part.number), (part,)) for part in parts]
    size = sum(part.size for part in parts)
    longest = max(MIB, min(_LONGEST_OBJECT, size // 20))
    found = gather(parts, threads, max(MIB, min(longest, size // (4 * threads))), longest)
    return [Coming(run_name(uid, run[0].number, run[-1].stop - run[0].start), run) for run in found]


def _note_arrived(registry: Registry, caller: Caller, uid: str, direct: Direct) -> None:
    """Note which parts of this and earlier uploads of the version the caller sent to the store of blobs."""
    with registry.database.read() as connection:
        earlier = uploads.awaited(connection, caller, uploads.find_upload(connection, uid, caller=caller).model_id)
    arrived = [(upload_id, sizes) for upload_id, other in earlier if (sizes := direct.arrived(other))]
    if arrived:
        with registry.database.write(durable=False) as connection:
            for upload_id, sizes in arrived:
                uploads.record_arrived(connection, upload_id, uploads.list_parts(connection, upload_id), sizes)


def find_present(registry: Registry, caller: Caller, parts: Sequence[Part], direct: Direct | None = None) -> list[int]:
    """Find the parts that a push would not have to send, as `note_present` does, but keep nothing of it.

    Args:
        registry: The registry.
        caller: Who asks.
        parts: The parts.
        direct: The store of blobs, where the other parts would be sent to it.

    Returns:
        Their numbers.
    """
    with registry.database.read() as connection:
        known = readable_parts(connection, caller, {part.digest for part in parts})
        places = uploads.places_of(connection, caller, known) if direct else {}
    blobs = {
        part.number: {
            (part.digest, part.size),
            blob_of(places.get((part.digest, part.size), (part.digest,))[0], part.size),
        }
        for part in parts
        if part.digest in known
    }
    stored = registry.blobs.find(set().union(*blobs.values()))
    return [number for number, some in blobs.items() if some & stored]
