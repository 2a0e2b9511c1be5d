# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host has of a guest: as plans are made from it, and as a module's diff tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_protocol import GuestControl
from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import InstanceDir


@dataclass(frozen=True)
class Seen:
    """What is there now.

    :param note: the content of the move's note, None without one
    :param base: whether the base image is in the cache; True when none is wanted
    :param remains: whether a killed run has left files outside of the folder
    :param kept: whether the guest's XML, or a part of it, was written to the folder
    """

    defined: bool
    active: bool
    directory: bool
    note: Mapping[str, Any] | None
    base: bool = True
    remains: bool = False
    kept: bool = False


def look(guest: GuestControl, folder: InstanceDir, base: bool = True, remains: bool = False) -> Seen:
    """Look at what is there, and change nothing."""
    return Seen(
        guest.exists(),
        guest.is_active(),
        folder.exists(),
        folder.note.read(),
        base,
        remains or folder.has_remains(),
        folder.has_kept_xml(),
    )


def describe(guest: GuestControl, folder: InstanceDir) -> dict[str, str]:
    """Say what is here, in a few words."""
    return {"guest": guest.state(), "folder": "present" if folder.exists() else "absent"}


def predict(before: Mapping[str, str], steps: Sequence[str]) -> dict[str, str]:
    """Say what would be here after the steps of a plan."""
    after = dict(before)
    planned = set(steps)
    if planned & {"undefine", "undefine_all", "destroy"}:
        after["guest"] = "absent"
    elif "start" in planned:
        after["guest"] = "running"
    elif planned & {"define", "shut_down"}:
        after["guest"] = "shutoff"
    if "create_directory" in planned:
        after["folder"] = "present"
    if "remove_directory" in planned:
        after["folder"] = "absent"
    return after
