# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's disk that is switched off, read through qemu-nbd: one flat disk, whatever files it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    NotFoundError,
    StackmoveError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.qcow2_stream import (
    Extent,
    data_extents,
)

if TYPE_CHECKING:
    import nbd

# base:allocation of the NBD protocol: bit 0 a hole, bit 1 reads as zeros.
_CONTEXT = "base:allocation"
_ZERO = 2
# One question asks for at most this much; its length is a 32-bit number in the protocol.
_STATUS_BYTES = 1 << 30


class DiskReader:
    """An open disk.

    :param handle: a connected libnbd handle with the base:allocation context
    """

    def __init__(self, handle: nbd.NBD) -> None:
        self._handle = handle
        self.size_bytes = handle.get_size()

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes of the disk."""
        return bytes(self._handle.pread(count, offset))

    def extents(self) -> list[Extent]:
        """Return where the disk holds data, through its whole chain of backing files."""
        blocks: list[tuple[int, bool]] = []

        def collect(_context: str, _offset: int, entries: list[int], _error: int) -> None:
            pairs = zip(entries[::2], entries[1::2])
            blocks.extend((length, not flags & _ZERO) for length, flags in pairs)

        offset = 0
        while offset < self.size_bytes:
            known = len(blocks)
            wanted = min(_STATUS_BYTES, self.size_bytes - offset)
            self._handle.block_status(wanted, offset, collect)
            offset += sum(length for length, _data in blocks[known:])
        return data_extents(blocks)


@contextmanager
def opened(path: Path, image_format: str) -> Iterator[DiskReader]:
    """Serve a disk read-only for the length of a ``with`` block; qemu-nbd ends with it.

    Not with ``-U``: while a guest runs on it, QEMU's image lock refuses, and rightly so.

    :raises NotFoundError: when the file is not there
    :raises StackmoveError: when QEMU cannot open or read it
    """
    import nbd

    if not path.is_file():
        raise NotFoundError(
            f"read the disk {path}",
            "there is no such file.",
            "Check on which host the server is, and the names of the disks.",
        )
    handle = nbd.NBD()
    try:
        handle.add_meta_context(_CONTEXT)
        handle.connect_systemd_socket_activation(["qemu-nbd", "--read-only", "--format", image_format, str(path)])
        yield DiskReader(handle)
    except nbd.Error as error:
        raise StackmoveError(
            f"read the disk {path} as {image_format}",
            f"qemu-nbd says: {error.string}",
            "Check that no process has it open, and that its backing files exist.",
        ) from error
    finally:
        if handle.aio_is_ready():
            handle.shutdown()  # qemu-nbd ends with its only client
