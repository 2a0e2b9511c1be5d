# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image files, through qemu-img. A format is always given and never probed.

A guest owns every byte of its raw disk. If its format were guessed, the guest could write a qcow2 header
there that names any file of the host as its backing file (CVE-2013-1922 and its kin).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._host.commands import run


@dataclass(frozen=True)
class Image:
    """One image file and what it stands on. Sizes are in bytes."""

    name: str
    path: str
    format: str
    virtual_size_bytes: int
    allocated_bytes: int
    backing_path: str | None
    backing_format: str | None
    chain_depth: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dict, for a module's result."""
        return asdict(self)


def chain(path: Path, image_format: str) -> list[dict[str, Any]]:
    """Return qemu-img's own description of an image and of all that is below it, topmost first.

    ``-U`` reads it while a guest writes to it.
    """
    found = run(
        ["qemu-img", "info", "-U", "--backing-chain", "--output=json", "-f", image_format, str(path)],
        f"read the image {path}",
    )
    layers: list[dict[str, Any]] = json.loads(found)
    return layers


def inspect(path: Path, image_format: str) -> Image:
    """Describe an image file, its backing file and the number of files in its chain."""
    layers = chain(path, image_format)
    top = layers[0]
    backing = top.get("full-backing-filename", top.get("backing-filename"))
    return Image(
        name=path.name,
        path=str(path),
        format=str(top["format"]),
        virtual_size_bytes=int(top["virtual-size"]),
        allocated_bytes=int(top.get("actual-size", 0)),
        backing_path=str(backing) if backing else None,
        backing_format=top.get("backing-filename-format"),
        chain_depth=len(layers),
    )


def refuse_references(path: Path, image_format: str) -> None:
    """Refuse an image from outside that points to other files of this host.

    :raises UnsupportedError: when it has a backing file or an external data file
    """
    top = chain(path, image_format)[0]
    details = top.get("format-specific", {}).get("data", {})
    if "backing-filename" in top or "data-file" in details:
        raise UnsupportedError(
            f"use the image {path}",
            "it refers to another file; an image must stand by itself.",
            "Upload a flattened image.",
        )


def create(path: Path, image_format: str, size_bytes: int) -> None:
    """Create an empty image of the given virtual size that stands by itself; nothing of it is allocated."""
    run(["qemu-img", "create", "-q", "-f", image_format, str(path), str(size_bytes)], f"create the image {path}")


def create_overlay(path: Path, backing: Path, backing_format: str, size_bytes: int) -> None:
    """Create an empty qcow2 file of the given virtual size over a backing file."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", backing_format, "-b", str(backing)]
    run([*command, str(path), str(size_bytes)], f"create the overlay {path} over {backing}")


def rebase(path: Path, backing: Path, backing_format: str) -> None:
    """Put an overlay over another backing file; what differs is copied into the overlay first."""
    command = ["qemu-img", "rebase", "-q", "-f", "qcow2", "-F", backing_format, "-b", str(backing)]
    run([*command, str(path)], f"rebase {path} on {backing}")


def convert(source: Path, source_format: str, target: Path, target_format: str) -> None:
    """Copy an image into another format, sparse where the source holds zeros."""
    command = ["qemu-img", "convert", "-q", "-f", source_format, "-O", target_format]
    run([*command, str(source), str(target)], f"convert {source} to {target_format}")


def grow(path: Path, image_format: str, size_bytes: int) -> None:
    """Make an image larger; qemu-img itself refuses to make it smaller."""
    run(
        ["qemu-img", "resize", "-q", "-f", image_format, str(path), str(size_bytes)],
        f"grow {path} to {size_bytes} bytes",
    )
