"""The state on the worker's disk: one RocksDB for each partition, which can always be read again from the changelog.

Everything of a partition is in one key space, told apart by the first byte: entries by key, an index of them by their
time of forgetting, the marker, and the position on the changelog. They change together, all or nothing. See
docs/decisions/0012-state.md.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from sluice.contract.errors import Retry, Unusable
from sluice.contract.topics import MIB
from sluice.processors import changelog, state_directory
from sluice.processors.changelog import TIME_BYTES, Position, encode_time
from sluice.processors.journal import Marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sluice.processors.state import Entry

log = logging.getLogger(__name__)

BLOCK_CACHE_BYTES = 32 * MIB
WRITE_BUFFERS_BYTES = 32 * MIB
"""Of all partitions together."""
WRITE_BUFFER_BYTES = 4 * MIB
"""Of one partition: when it is full, it becomes a file."""
BLOOM_BITS = 10
"""For each key: one look-up in a hundred for a key that is not there reads a block."""

_ENTRY = b"s"
_BY_TIME = b"t"
_MARKER = b"marker"
_POSITION = b"position"
_NEVER = bytes(TIME_BYTES)


class Stores:
    """The stores of one worker; they share a cache, and a directory that no other process may use meanwhile.

    Raises `Unusable` when another process does, or when the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cache = Cache(BLOCK_CACHE_BYTES)
        self._buffers = WriteBufferManager(WRITE_BUFFERS_BYTES, allow_stall=False)
        try:
            self._lock = state_directory.take(directory)
        except BlockingIOError:
            raise Unusable(
                f"another worker keeps its state in {directory}: give each worker a SLUICE_DATA_DIR of its own"
            ) from None
        except OSError as error:
            raise Unusable(
                f"the state cannot be kept in {directory}: {error.strerror}; "
                "set SLUICE_DATA_DIR to a directory that can be written"
            ) from error

    def open(self, partition: int) -> RocksState:
        """Open the store of a partition; one whose files are damaged is thrown away. Raises `Retry` as stores do."""
        return RocksState(self._directory / str(partition), self._options())

    def close(self) -> None:
        """Let another process have the directory."""
        self._lock.close()

    def _options(self) -> Options:
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_bloom_filter(BLOOM_BITS, block_based=False)
        table.set_format_version(5)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_write_buffer_manager(self._buffers)
        options.set_max_background_jobs(2)
        options.set_compression_type(DBCompressionType.none())  # hashes and ids
        # RocksDB's own log and statistics, of which nobody reads more.
        options.set_keep_log_file_num(1)
        options.set_max_log_file_size(MIB)
        options.set_stats_dump_period_sec(0)
        options.set_stats_persist_period_sec(0)
        options.set_manifest_preallocation_size(64 * 1024)
        return options


class RocksState:
    """One partition's state, with its marker and its position on the changelog.

    What was applied outlives a crash of the process, if not a power cut: then the changelog has it. All methods raise
    `Retry` where the disk fails. Where the files turn out to be damaged, they also throw them away, so that whoever
    opens the store again finds it empty.
    """

    def __init__(self, directory: Path, options: Options) -> None:
        self._directory = directory
        self._options = options
        self._db = self._open()
        self._none_before = _NEVER
        """No key has an earlier time of forgetting: what the index had there need not be passed over again."""

    @property
    def marker(self) -> Marker | None:
        """How far the partition is decided."""
        encoded = self._get(_MARKER)
        return None if encoded is None else msgspec.json.decode(encoded, type=Marker)

    @property
    def position(self) -> Position | None:
        """How far the changelog has been read; None for an empty store."""
        encoded = self._get(_POSITION)
        return None if encoded is None else msgspec.json.decode(encoded, type=Position)

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key."""
        encoded = self._get(_ENTRY + key)
        return None if encoded is None else changelog.decode(encoded)

    def forgettable(self, before_ms: int, limit: int) -> Sequence[bytes]:
        """Give keys whose time of forgetting lies before that millisecond; the oldest first."""
        bound = encode_time(max(before_ms, 0))
        reading = ReadOptions()
        reading.set_iterate_upper_bound(_BY_TIME + bound)
        try:
            index: Iterator[Any] = self._db.keys(from_key=_BY_TIME + self._none_before, read_opt=reading)
            found: list[bytes] = list(islice(index, limit))
        except Exception as error:
            raise self._failure(error) from error
        if found:
            self._none_before = found[0][1 : 1 + TIME_BYTES]
        elif limit:
            self._none_before = bound
        return [indexed[1 + TIME_BYTES :] for indexed in found]

    def apply(self, changes: Mapping[bytes, Entry | None], marker: Marker | None, position: Position) -> None:
        """Make changes that were committed, and move marker and position, all or nothing."""
        batch = WriteBatch(raw_mode=True)
        keys = list(changes)
        try:
            befores: Any = self._db.get([_ENTRY + key for key in keys])
            for key, before in zip(keys, befores, strict=True):
                if before is not None and before[:TIME_BYTES] != _NEVER:
                    batch.delete(_BY_TIME + before[:TIME_BYTES] + key)
            earliest = self._none_before
            for key, entry in changes.items():
                if entry is None:
                    batch.delete(_ENTRY + key)
                    continue
                batch.put(_ENTRY + key, changelog.encode(entry))
                if entry.forget_at:
                    batch.put(_BY_TIME + encode_time(entry.forget_at) + key, b"")
                    earliest = min(earliest, encode_time(entry.forget_at))
            if marker is not None:
                batch.put(_MARKER, msgspec.json.encode(marker))
            batch.put(_POSITION, msgspec.json.encode(position))
            self._db.write(batch)
        except Exception as error:
            raise self._failure(error) from error
        self._none_before = earliest

    def clear(self) -> None:
        """Throw everything away."""
        self._throw_away()
        self._db = self._open_new()

    def close(self) -> None:
        """Close the files; those that are closed stay so.

        They are closed also where the disk fails and the last changes cannot be written: the changelog has those.
        """
        try:
            self._db.close()
        except DbClosedError:
            pass
        except Exception as error:
            if type(error) is not Exception:
                raise
            log.warning("%s: %s; what is not there is read again from the changelog", self._directory, error)

    def _open(self) -> Rdict:
        try:
            return Rdict(str(self._directory), self._options)
        except Exception as error:
            if not _tells_of_damage(error) and not _tells_of_a_missing_file(error):
                raise self._cannot_be_kept(error) from error
            self._report_damage(error)
        self._remove()
        return self._open_new()

    def _open_new(self) -> Rdict:
        try:
            return Rdict(str(self._directory), self._options)
        except Exception as error:
            raise self._cannot_be_kept(error) from error

    def _get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._failure(error) from error
        return value

    def _failure(self, error: Exception) -> Exception:
        """Give what to raise; rocksdict raises nothing narrower than `Exception`, and says in words what it is."""
        if type(error) is not Exception:
            return error
        if _tells_of_damage(error):
            self._report_damage(error)
            self._throw_away()
        return self._cannot_be_kept(error)

    def _throw_away(self) -> None:
        self.close()
        self._remove()

    def _remove(self) -> None:
        try:
            state_directory.remove(self._directory)
        except OSError as error:
            raise self._cannot_be_kept(error) from error

    def _report_damage(self, error: Exception) -> None:
        log.error("%s: %s; it is thrown away, and read again from the changelog", self._directory, error)

    def _cannot_be_kept(self, error: Exception) -> Retry:
        return Retry(f"the state cannot be kept in {self._directory}: {error}")


def _tells_of_damage(error: Exception) -> bool:
    return str(error).startswith(("Corruption", "Invalid argument"))


def _tells_of_a_missing_file(error: Exception) -> bool:
    """Tell damage that RocksDB does not call so, where it opens a store: it makes what a new one needs."""
    return str(error).startswith("IO error: No such file or directory")
