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


def ports(given: Iterable[Mapping[str, Any]]) -> list[vifs.Vif]:
    """Return the ports, as this host plugs them."""
    return [vifs.from_network_info(vif) for vif in given]


def image_service(given: Mapping[str, Any]) -> ImageService | None:
    """Return Glance, or None when no endpoint is given."""
    if not given["endpoint"] or not given["token"]:
        return None
    return ImageService(given["endpoint"], given["token"], given["ca_file"])
