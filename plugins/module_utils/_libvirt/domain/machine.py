# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's machine: QEMU and what it emulates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    set_attribute,
    set_text,
    uuid_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


def require_type(root: _Element, known: Collection[str]) -> None:
    """Refuse a machine that the destination's QEMU cannot be.

    :param known: the destination's machine types; empty: not checked
    :raises UnsupportedError: when the guest's is not among them
    """
    kind = root.find("os/type")
    machine = kind.get("machine") if kind is not None else None
    if machine and known and machine not in known:
        raise UnsupportedError(
            f"make guest {uuid_of(root)} ready for another host",
            f"the destination's QEMU has no machine type {machine}.",
            "Choose a destination with the same or a newer QEMU.",
        )


def virtualization(root: _Element, wanted: str) -> list[str]:
    """Set kvm or qemu; empty: as it is."""
    return set_attribute(root, "type", wanted or root.get("type"), "virtualization")


def emulator(root: _Element, emulators: Mapping[str, str]) -> list[str]:
    """Set the path of QEMU.

    :param emulators: architecture → path at the destination
    """
    kind = root.find("os/type")
    arch = str(kind.get("arch")) if kind is not None else ""
    return set_text(root.find("devices/emulator"), emulators[arch], "emulator") if arch in emulators else []
