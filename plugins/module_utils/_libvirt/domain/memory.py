# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's memory: how much, and what the host makes it of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    child,
    drop,
    drop_empty,
    require,
    set_text,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_KIB_IN_MIB = 1024
_FILE_BACKED = ("source", "access", "allocation", "discard")
# Whoever maps the guest's memory beside QEMU: vhost-user back ends and virtiofsd.
_SHARING = "devices/*[@type='vhostuser']|devices/filesystem[driver/@type='virtiofs']"


def size(root: _Element, wanted_mib: int) -> list[str]:
    """Give the guest so much memory, in MiB; not while it runs."""
    changes = []
    for tag in ("memory", "currentMemory"):
        element = root.find(tag)
        # The inactive XML has KiB always; without currentMemory it is the same as memory.
        if element is not None and element.get("unit", "KiB") == "KiB":
            changes += set_text(element, str(wanted_mib * _KIB_IN_MIB), f"{tag} (KiB)")
    return changes


def resized(root: _Element, wanted_mib: int) -> bool:
    """Tell whether that is another size than the guest's."""
    return int(root.findtext("memory") or 0) != wanted_mib * _KIB_IN_MIB


def backing(root: _Element, *, file_backed: bool | None) -> list[str]:
    """Back the guest's memory as the destination does (``[libvirt] file_backed_memory``).

    Huge pages, locking, and memory that others share with QEMU without a file stay.

    :param file_backed: by files there; None: not known, so that it stays as it is
    """
    found = root.findall("memoryBacking")
    here = any(source.get("type") == "file" for element in found for source in element.findall("source"))
    if file_backed is None or (not found and not file_backed):
        return []
    wanted: dict[str, dict[str, str]] = {}
    if file_backed:
        wanted = {
            "source": {"type": "file"},
            "access": {"mode": "shared"},
            "allocation": {"mode": "immediate"},
            "discard": {},
        }
    elif not here:
        return []
    elif root.xpath(_SHARING):
        wanted = {"source": {"type": "memfd"}, "access": {"mode": "shared"}}
    element = found[0] if found else child(root, "memoryBacking")
    present = [(str(item.tag), dict(item.attrib)) for part in found for item in part if item.tag in _FILE_BACKED]
    if sorted(map(repr, present)) == sorted(map(repr, wanted.items())):
        return []
    for part in found:
        for item in [item for item in part if item.tag in _FILE_BACKED]:
            drop(item)
    for tag, attributes in wanted.items():
        child(element, tag, **attributes)
    for part in found:
        drop_empty(part)
    return [f"memory: {'backed by files' if file_backed else 'no longer backed by files'}"]


def persistent(root: _Element, device_paths: Sequence[str]) -> list[str]:
    """Give each persistent memory (vPMEM) its device of the destination, in order.

    :param device_paths: for example ``/dev/dax0.1``
    :raises IncompleteError: naming each for which there is none
    """
    changes, needs = [], []
    for position, path in enumerate(root.xpath("devices/memory[@model='nvdimm' or @model='virtio-pmem']/source/path")):
        if position < len(device_paths):
            changes += set_text(path, device_paths[position], "persistent memory")
        else:
            device = f"its persistent memory {path.text} has no device there"
            needs.append(Need(device, "Pass vpmems with one device for each, in order."))
    require(root, needs)
    return changes
