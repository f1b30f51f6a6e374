"""First wins for key K within window W: the one mechanism behind every rule that remembers.

An event makes claims. It is stored if no other event holds any of them, and holds them from then on. One that loses
holds none, but for a claim that tells what was decided from what was not. One that is sent in again does not lose to
what it held already, but for the one claim that is there to store it once.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

from sluice.contract.errors import Unusable
from sluice.processors.state import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sluice.contract.event import Outcome


class Reads(Protocol):
    """What rules may do with the state."""

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key."""
        ...


class Claim(NamedTuple):
    """An event's claim to be the first with a key.

    `at` is the time that windows are counted by, in milliseconds since 1970; `window_ms` is None where the first one
    wins for ever. Who comes second within the window gets the `outcome`; `reason` says in words what was first.
    `forget_at` is when nobody can come second any more; 0: never. A claim that is `strict` is lost to the same event
    too. With one `of_request` is lost what the request says beside its events as well: all of it was said before. One
    that is `kept` and won is held even by an event that loses a later claim: whatever became of it, it was decided.
    """

    key: bytes
    at: int
    window_ms: int | None
    outcome: Outcome
    reason: str
    forget_at: int = 0
    strict: bool = False
    of_request: bool = False
    kept: bool = False


class Holder(NamedTuple):
    """The event that holds a claim, and its time in milliseconds since 1970."""

    event_id: str
    at: int


Won = list[tuple[bytes, Entry]]
"""What is to be remembered."""


class Lost(NamedTuple):
    """A claim that was lost, and to whom; and what is to be remembered all the same."""

    claim: Claim
    holder: Holder
    remember: Won

    @property
    def reason(self) -> str:
        """Say why, for people."""
        return f"{self.claim.reason}: event {self.holder.event_id} of {_shown(self.holder.at)}"


def claim_key(*parts: str) -> bytes:
    """Give the 16 bytes under which a claim is remembered.

    A hash: keys of any length cost the same, and what is remembered shows no address and no order. What was
    remembered under a key is found under no other, so this must never change.
    """
    encoded = [part.encode() for part in parts]
    told_apart = b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
    return blake2b(told_apart, digest_size=16).digest()


def settle(claims: Iterable[Claim], event_id: str, received_at: int, state: Reads) -> Lost | Won:
    """Tell whether an event wins all its claims; the first that it loses decides what becomes of it.

    Raises `Unusable` where an entry cannot be read: a newer version wrote it.
    """
    won: list[Claim] = []
    for claim in claims:
        entry = state.get(claim.key)
        if entry is None or 0 < entry.forget_at < received_at:
            won.append(claim)
            continue
        holder = decode(entry.value)
        if holder.event_id == event_id and not claim.strict:
            continue
        if claim.window_ms is None or abs(claim.at - holder.at) < claim.window_ms:
            return Lost(claim, holder, _held([each for each in won if each.kept], event_id))
        if claim.at > holder.at:  # one that comes late is stored, but the window stays where it is
            won.append(claim)
    return _held(won, event_id)


def _held(claims: Iterable[Claim], event_id: str) -> Won:
    return [(claim.key, Entry(encode(Holder(event_id, claim.at)), claim.forget_at)) for claim in claims]


_VERSION = 1
_HOLDER = struct.Struct(">B16sq")


def encode(holder: Holder) -> bytes:
    """Give a holder's bytes: the version of their form, the event's id and its time."""
    return _HOLDER.pack(_VERSION, bytes.fromhex(holder.event_id.replace("-", "")), holder.at)


def _decode_1(value: bytes) -> Holder:
    _, event_id, at = _HOLDER.unpack(value)
    return Holder(str(UUID(bytes=event_id)), at)


_DECODERS = {_VERSION: _decode_1}
"""By version; a form that is left behind stays here, since what was written in it is still there."""


def decode(value: bytes, decoders: Mapping[int, Callable[[bytes], Holder]] = _DECODERS) -> Holder:
    """Read a holder's bytes, in whatever form.

    Raises `Unusable` for a form that only a newer version knows, and for what no version wrote.
    """
    form = value[0] if value else 0
    if form in decoders:
        try:
            return decoders[form](value)
        except (struct.error, ValueError) as error:
            raise Unusable(f"the state holds what no version of Sluice wrote ({error}): remove it") from None
    raise Unusable(f"the state was written by a newer version (form {form}): run that version, or a later one")


def _shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
