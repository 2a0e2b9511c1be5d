# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import struct

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host.qcow2_stream import (
    CLUSTER,
    Extent,
    Qcow2Stream,
    data_extents,
)

MIB = 1024 * 1024


class Disk:
    """A disk in memory, made of extents of random bytes."""

    def __init__(self, size: int, extents: list[Extent]) -> None:
        numbers = random.Random(size)
        self.content = bytearray(size)
        for extent in extents:
            end = extent.offset + extent.length
            self.content[extent.offset : end] = numbers.randbytes(extent.length)

    def read(self, count: int, offset: int) -> bytes:
        assert offset + count <= len(self.content)
        return bytes(self.content[offset : offset + count])


def clusters_of(image: bytes) -> tuple[int, dict[int, bytes]]:
    """Read a qcow2 image by its format's description, and check its refcounts on the way.

    Returns the disk's size in bytes and its clusters that hold data.
    """
    magic, version, backing = struct.unpack_from(">4sIQ", image)
    assert (magic, version, backing) == (b"QFI\xfb", 3, 0)
    bits, size = struct.unpack_from(">IQ", image, 20)
    assert 1 << bits == CLUSTER
    l1_size, l1_at, refcounts_at, refcount_clusters = struct.unpack_from(">IQQI", image, 36)
    used = {0}

    def cluster(offset: int) -> bytes:
        assert offset % CLUSTER == 0
        assert offset // CLUSTER not in used, "a cluster is used twice"
        used.add(offset // CLUSTER)
        found = image[offset : offset + CLUSTER]
        assert len(found) == CLUSTER
        return found

    def offset_of(entry: int) -> int:
        assert entry >> 63 == 1
        return entry & 0x00FFFFFFFFFFFE00

    counts: list[int] = []
    for part in range(refcount_clusters):
        for block in struct.unpack(f">{CLUSTER // 8}Q", cluster(refcounts_at + part * CLUSTER)):
            if block:
                counts += struct.unpack(f">{CLUSTER // 2}H", cluster(block))
    l1_clusters = -(-l1_size * 8 // CLUSTER)
    l1_bytes = b"".join(cluster(l1_at + part * CLUSTER) for part in range(l1_clusters))
    content = {}
    for high, l1_entry in enumerate(struct.unpack_from(f">{l1_size}Q", l1_bytes)):
        table = cluster(offset_of(l1_entry)) if l1_entry else bytes(CLUSTER)
        for low, l2_entry in enumerate(struct.unpack(f">{CLUSTER // 8}Q", table)):
            if l2_entry:
                content[high * CLUSTER // 8 + low] = cluster(offset_of(l2_entry))
    assert [number for number, count in enumerate(counts) if count] == sorted(used)
    assert set(counts) <= {0, 1}
    assert len(used) * CLUSTER == len(image)
    return size, content


def read_back(image: bytes) -> bytes:
    size, content = clusters_of(image)
    whole = b"".join(content.pop(n, bytes(CLUSTER)) for n in range(-(-size // CLUSTER)))
    assert not content
    assert not any(whole[size:])
    return whole[:size]


@pytest.mark.parametrize(
    ("size", "extents"),
    [
        pytest.param(MIB, [], id="empty"),
        pytest.param(512, [Extent(0, 512)], id="one sector"),
        pytest.param(MIB + 512, [Extent(MIB, 512)], id="the last cluster is not whole"),
        pytest.param(MIB, [Extent(0, MIB)], id="full"),
        pytest.param(
            4 * MIB,
            [Extent(100, 10), Extent(CLUSTER - 1, 2), Extent(3 * CLUSTER, 3 * MIB)],
            id="extents within and across clusters",
        ),
        pytest.param(MIB, [Extent(10, 10), Extent(1000, 10), Extent(70000, 5)], id="shared clusters"),
    ],
)
def test_the_image_holds_the_disk(size: int, extents: list[Extent]) -> None:
    disk = Disk(size, extents)
    stream = Qcow2Stream(size, extents)
    image = b"".join(stream.stream(disk.read))
    assert len(image) == stream.length
    assert read_back(image) == bytes(disk.content)


def test_the_second_table_begins_within_an_extent() -> None:
    # One L2 table covers 512 MiB; the extent lies across its end.
    border = 512 * MIB
    size = border + MIB
    extents = [Extent(border - CLUSTER, 2 * CLUSTER)]

    def read(count: int, offset: int) -> bytes:
        assert (count, offset) == (2 * CLUSTER, border - CLUSTER)
        return b"a" * CLUSTER + b"b" * CLUSTER

    found = clusters_of(b"".join(Qcow2Stream(size, extents).stream(read)))
    first = border // CLUSTER - 1
    assert found == (size, {first: b"a" * CLUSTER, first + 1: b"b" * CLUSTER})


def test_a_huge_disk_costs_what_it_holds() -> None:
    size = 1024**4
    stream = Qcow2Stream(size, [Extent(0, CLUSTER), Extent(size - CLUSTER, CLUSTER)])
    assert stream.length < MIB


def test_refcounts_count_their_own_clusters() -> None:
    # 2 GiB need one refcount block more than 2 GiB without its tables.
    size = 3 * 1024 * MIB
    stream = Qcow2Stream(size, [Extent(0, size)])
    clusters = stream.length // CLUSTER
    header = next(iter(stream.stream(lambda count, _offset: bytes(count))))
    assert header[:4] == b"QFI\xfb"
    assert clusters == size // CLUSTER + 1 + 1 + 2 + 1 + 6  # header, table, 2 blocks, L1, 6 L2


@pytest.mark.parametrize(
    ("size", "extents"),
    [
        (0, []),
        (1000, []),
        (MIB, [Extent(0, MIB + 1)]),
        (MIB, [Extent(10, 10), Extent(0, 5)]),
        (MIB, [Extent(0, 0)]),
    ],
)
def test_nonsense_is_refused(size: int, extents: list[Extent]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        Qcow2Stream(size, extents)


def test_neighbours_are_joined() -> None:
    blocks = [(10, True), (5, True), (100, False), (0, True), (7, True), (3, False)]
    assert data_extents(blocks) == [Extent(0, 15), Extent(115, 7)]
