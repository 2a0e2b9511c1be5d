# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to what the hosts' parts work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import vifs, volumes
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import (
    ImageService,
)

#: One shape for a local disk on its way: what transfer_images returns goes through both hosts untouched.
TRANSFERS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "disk": {"type": "str", "required": True},
        "image_id": {"type": "str", "required": True},
        "disk_format": {"type": "str"},
        "sha512": {"type": "str"},
        "size_bytes": {"type": "int"},
        "virtual_size_bytes": {"type": "int"},
        "seconds": {"type": "float"},
    },
}


def connections(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the connection_info of each volume, with the volume's id as its serial, as Nova stores it.

    :raises StackmoveError: when a volume has no connection
    """
    found = []
    for volume in given:
        info = volume.get("connection_info")
        if not isinstance(info, Mapping) or "driver_volume_type" not in info or "data" not in info:
            raise StackmoveError(
                f"use volume {volume.get('volume_id')}",
                "it has no connection_info with driver_volume_type and data.",
                "Hold its attachment with stackmove.nova.volume_attachments first.",
            )
        serial = info.get("serial") or volume.get("volume_id")
        connection = {**info, "serial": serial}
        volumes.refuse_unknown(connection)
        found.append(connection)
    return found


def ports(given: Iterable[Mapping[str, Any]], bindings: Iterable[Mapping[str, Any]] = ()) -> list[vifs.Vif]:
    """Return the ports, as this host plugs them.

    :param given: entries of Nova's network_info
    :param bindings: for another host than network_info is about, that host's bindings by port_id
    """
    bound = {str(binding["port_id"]): binding for binding in bindings}
    return [
        vifs.from_network_info(vifs.with_binding(vif, bound[str(vif["id"])]) if str(vif["id"]) in bound else vif)
        for vif in given
    ]


def image_format(transfer: Mapping[str, Any]) -> str:
    """Return the format of a disk's image; it is never guessed from the bytes.

    :raises StackmoveError: when it is not given, or none that a guest's disk has
    """
    given = transfer["disk_format"]
    if given not in {"qcow2", "raw"}:
        raise StackmoveError(
            f"use the image of disk {transfer['disk']}",
            f"its disk_format is {given}; it has to be qcow2 or raw.",
            "Pass on what stackmove.nova.transfer_images returns.",
        )
    return str(given)


def image_service(given: Mapping[str, Any]) -> ImageService | None:
    """Return Glance, or None when no endpoint is given."""
    if not given["endpoint"] or not given["token"]:
        return None
    return ImageService(given["endpoint"], given["token"], given["ca_file"])
