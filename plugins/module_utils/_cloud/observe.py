# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that the APIs tell of a server, in one go: what preflight and the proof read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import (
    compute,
    images,
    placement,
    ports,
    volumes,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError

if TYPE_CHECKING:
    from openstack.connection import Connection

    from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import Json


def observe_server(conn: Connection, uuid_or_name: str) -> Json:
    """Return a server with its ports, volumes, attachments, image and allocations.

    A volume or an image that is gone is None under its id, so that whoever asks can say so among its other findings.

    :raises StackmoveError: there is no such server, or several, or an API refused
    """
    server = compute.find_server(conn, uuid_or_name)
    found_volumes = {volume_id: _volume(conn, volume_id) for volume_id in server["volume_ids"]}
    image_id = server["image_id"]
    return {
        **server,
        "flavor_id": _flavor_id(conn, server["flavor"].get("original_name")),
        "image": images.image(conn, image_id) if image_id else None,
        "ports": ports.server_ports(conn, server["id"]),
        "volumes": found_volumes,
        "attachments": {
            volume_id: volumes.attachments(conn, server["id"], found) if found else []
            for volume_id, found in found_volumes.items()
        },
        "allocations": allocations(conn, server["id"]),
    }


def allocations(conn: Connection, consumer_uuid: str) -> placement.Allocations:
    """Return the allocations of a consumer by provider, e.g. of a server or of its migration.

    :raises ApiError: Placement refused
    """
    return placement.consumer(conn, consumer_uuid).allocations


def _volume(conn: Connection, volume_id: str) -> Json | None:
    try:
        return volumes.volume(conn, volume_id)
    except NotFoundError:
        return None


def _flavor_id(conn: Connection, name: str | None) -> str | None:
    """Since 2.47 Nova embeds the flavor in the server and leaves its id out; the name may be another's by now."""
    if not name:
        return None
    try:
        return str(compute.find_flavor(conn, name)["id"])
    except NotFoundError:
        return None
