# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a sparse raw file as a streamed qcow2 image: stream.py RAW QCOW2."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.stackmove.nova.plugins.module_utils._host.qcow2_stream import Extent, Qcow2Stream


def extents(handle: int, size: int) -> Iterator[Extent]:
    """Give the parts of a file that are not holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = os.lseek(handle, start, os.SEEK_HOLE)
        yield Extent(start, end - start)


def main() -> None:
    """Stream one file."""
    raw, qcow2 = (Path(name) for name in sys.argv[1:])
    with raw.open("rb") as source, qcow2.open("wb") as target:
        size = raw.stat().st_size
        stream = Qcow2Stream(size, extents(source.fileno(), size))
        for piece in stream.stream(lambda count, offset: os.pread(source.fileno(), count, offset)):
            target.write(piece)
        written = target.tell()
    if written != stream.length:
        sys.exit(f"{written} bytes were written, and {stream.length} were announced")


if __name__ == "__main__":
    main()
