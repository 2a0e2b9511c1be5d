# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A self-contained qcow2 image written front to back, without a second copy on disk.

qemu-img cannot write qcow2 into a pipe, because it learns only at the end how much there is. Here the extents are known
before the first byte: so the header, refcounts, and tables can be computed, and so can the whole length. The format
is qcow2 version 3 as QEMU's docs/interop/qcow2.txt describes it: 64 KiB clusters, 16-bit refcounts, no snapshots.

Order in the file: header, refcount table, refcount blocks, L1 table, L2 tables, data.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
_ENTRIES = CLUSTER // 8  # 64-bit entries in a cluster of the refcount table, of L1 and of L2
_REFCOUNTS = CLUSTER // 2  # 16-bit counts in a refcount block
_COPIED = 1 << 63  # the cluster's refcount is exactly one
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")

#: How much is read from the disk at once, in bytes.
CHUNK = 2 * 1024 * 1024


@dataclass(frozen=True)
class Extent:
    """A part of a disk that holds data. In bytes; what lies between extents reads as zeros."""

    offset: int
    length: int


def data_extents(blocks: Iterable[tuple[int, bool]]) -> list[Extent]:
    """Join a disk's description, (length, is data) from its beginning, into extents of data."""
    found: list[Extent] = []
    offset = 0
    for length, is_data in blocks:
        if is_data and length:
            if found and found[-1].offset + found[-1].length == offset:
                found[-1] = Extent(found[-1].offset, found[-1].length + length)
            else:
                found.append(Extent(offset, length))
        offset += length
    return found


def _up(number: int, unit: int) -> int:
    return -(-number // unit)


class Qcow2Stream:
    """The image of one disk.

    :param size_bytes: the disk's virtual size, a multiple of 512
    :param extents: where it holds data, ascending and without overlaps
    :raises ValueError: for a size or extents that cannot be
    """

    def __init__(self, size_bytes: int, extents: Iterable[Extent]) -> None:
        if size_bytes <= 0 or size_bytes % 512:
            raise ValueError(f"a disk of {size_bytes} bytes has no whole number of sectors")
        self.size_bytes = size_bytes
        self._runs = self._cluster_runs(extents)
        # Number of data clusters before each run, and after the last.
        self._before = [0]
        for first, last in self._runs:
            self._before.append(self._before[-1] + last - first)
        self._tables = sorted(
            {table for first, last in self._runs for table in range(first // _ENTRIES, _up(last, _ENTRIES))}
        )
        self._l1_entries = _up(_up(size_bytes, CLUSTER), _ENTRIES)
        self._place()

    def _cluster_runs(self, extents: Iterable[Extent]) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        end = 0
        for extent in extents:
            if extent.length <= 0 or extent.offset < end:
                raise ValueError(f"{extent} is empty or not in order")
            end = extent.offset + extent.length
            if end > self.size_bytes:
                raise ValueError(f"{extent} ends behind the disk's {self.size_bytes} bytes")
            first, last = extent.offset // CLUSTER, _up(end, CLUSTER)
            if runs and first <= runs[-1][1]:
                runs[-1] = (runs[-1][0], last)
            else:
                runs.append((first, last))
        return runs

    def _place(self) -> None:
        l1_clusters = _up(self._l1_entries, _ENTRIES)
        fixed = 1 + l1_clusters + len(self._tables) + self._before[-1]
        # The refcounts count their own clusters too: go round until nothing grows any more.
        table_clusters = blocks = 1
        while True:
            total = fixed + table_clusters + blocks
            wanted = _up(total, _REFCOUNTS)
            if wanted == blocks and _up(blocks, _ENTRIES) == table_clusters:
                break
            blocks, table_clusters = wanted, _up(wanted, _ENTRIES)
        self._refcount_table_clusters = table_clusters
        self._refcount_blocks = blocks
        self._total = total
        self._l1_at = 1 + table_clusters + blocks
        self._l2_at = self._l1_at + l1_clusters
        self._data_at = self._l2_at + len(self._tables)

    @property
    def length(self) -> int:
        """Length of the whole image, in bytes."""
        return self._total * CLUSTER

    def stream(self, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
        """Give the image's bytes in order.

        :param read: returns that many bytes (first argument) of the disk from that offset (second)
        """
        yield self._header()
        yield self._refcount_table()
        for block in range(self._refcount_blocks):
            yield self._refcount_block(block)
        yield self._l1_table()
        for table in self._tables:
            yield self._l2_table(table)
        for first, last in self._runs:
            offset, end = first * CLUSTER, last * CLUSTER
            while offset < end:
                count = min(CHUNK, end - offset)
                inside = min(count, self.size_bytes - offset)
                yield read(inside, offset)
                if inside < count:  # the disk ends within its last cluster
                    yield bytes(count - inside)
                offset += count

    def _header(self) -> bytes:
        fields = _HEADER.pack(
            b"QFI\xfb",
            3,
            0,  # no backing file
            0,
            CLUSTER_BITS,
            self.size_bytes,
            0,  # not encrypted
            self._l1_entries,
            self._l1_at * CLUSTER,
            CLUSTER,  # the refcount table follows the header
            self._refcount_table_clusters,
            0,  # no snapshots
            0,
            0,  # no incompatible, compatible, or autoclear features
            0,
            0,
            4,  # refcounts have 1 << 4 bits
            _HEADER.size,
        )
        return fields.ljust(CLUSTER, b"\0")

    def _refcount_table(self) -> bytes:
        first = 1 + self._refcount_table_clusters
        entries = [(first + block) * CLUSTER for block in range(self._refcount_blocks)]
        packed = struct.pack(f">{len(entries)}Q", *entries)
        return packed.ljust(self._refcount_table_clusters * CLUSTER, b"\0")

    def _refcount_block(self, block: int) -> bytes:
        used = min(_REFCOUNTS, self._total - block * _REFCOUNTS)
        return (b"\0\1" * used).ljust(CLUSTER, b"\0")

    def _l1_table(self) -> bytes:
        entries = [0] * self._l1_entries
        for position, table in enumerate(self._tables):
            entries[table] = (self._l2_at + position) * CLUSTER | _COPIED
        packed = struct.pack(f">{len(entries)}Q", *entries)
        return packed.ljust((self._l2_at - self._l1_at) * CLUSTER, b"\0")

    def _l2_table(self, table: int) -> bytes:
        entries = [0] * _ENTRIES
        low = table * _ENTRIES
        high = low + _ENTRIES
        # The run before the first that begins within this table may reach into it.
        index = max(0, bisect.bisect_right(self._runs, (low, low)) - 1)
        for position in range(index, len(self._runs)):
            first, last = self._runs[position]
            if first >= high:
                break
            for cluster in range(max(first, low), min(last, high)):
                place = self._data_at + self._before[position] + cluster - first
                entries[cluster - low] = place * CLUSTER | _COPIED
        return struct.pack(f">{_ENTRIES}Q", *entries)
