# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to what the hosts' parts work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import nova_conf, vifs, volumes
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import (
    ImageService,
    Transfer,
)

# The options of the doc fragment stackmove.nova.libvirt.
LIBVIRT_OPTIONS: dict[str, dict[str, Any]] = {
    "nova_conf": {"type": "list", "elements": "path", "default": list(nova_conf.DEFAULT_FILES)},
    "libvirt_uri": {"type": "str", "default": "qemu:///system"},
}

# The option of the doc fragment stackmove.nova.host_lock.
LOCK_OPTIONS: dict[str, dict[str, Any]] = {"lock_timeout_s": {"type": "int", "default": 300}}

# The options of the doc fragment stackmove.nova.transfers: what transfer_images returns goes through both hosts,
# whatever a module needs of it.
TRANSFER_OPTIONS: dict[str, dict[str, Any]] = {
    "transfers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "disk": {"type": "str", "required": True},
            "image_id": {"type": "str", "required": True},
            "disk_format": {"type": "str", "choices": ["qcow2", "raw"], "required": True},
            "sha512": {"type": "str"},
            "size_bytes": {"type": "int"},
            "virtual_size_bytes": {"type": "int"},
            "seconds": {"type": "float"},
        },
    },
    "endpoint": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
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


def transfers(given: Iterable[Mapping[str, Any]]) -> list[Transfer]:
    """Return the local disks and the images for their bytes."""
    keys = ("disk", "image_id", "disk_format", "sha512", "size_bytes")
    return [Transfer(**{key: item[key] for key in keys}) for item in given]


def image_service(given: Mapping[str, Any]) -> ImageService | None:
    """Return Glance, or None when no endpoint is given."""
    if not given["endpoint"] or not given["token"]:
        return None
    return ImageService(given["endpoint"], given["token"], given["ca_file"])
