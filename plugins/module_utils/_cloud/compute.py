# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nova's API: servers, flavors and compute services, as it shows them to an operator."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import Json, call, translated
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError, StackmoveError

if TYPE_CHECKING:
    from openstack.connection import Connection

#: Shows tags, the embedded flavor with its extra specs, and locks with their reasons.
SERVER_VERSION = "2.73"
#: Services by uuid.
HOST_VERSION = "2.53"


def find_server(conn: Connection, uuid_or_name: str) -> Json:
    """Return a server of any project.

    ``power_state`` is Nova's number: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended.

    :raises NotFoundError: there is no such server
    :raises StackmoveError: several have this name
    :raises ApiError: Nova refused
    """
    what = f"find server {uuid_or_name}"
    if _is_uuid(uuid_or_name):
        answer = call(
            conn,
            "compute",
            "GET",
            f"/servers/{uuid_or_name}",
            microversion=SERVER_VERSION,
            what=what,
            accept=(404,),
        )
        if answer.status_code != 404:
            return server_view(answer.json()["server"])
    # Nova takes the name for a regular expression of its database.
    answer = call(
        conn,
        "compute",
        "GET",
        "/servers/detail",
        params={"all_tenants": "1", "name": f"^{re.escape(uuid_or_name)}$"},
        microversion=SERVER_VERSION,
        what=what,
    )
    found = [entry for entry in answer.json()["servers"] if entry.get("name") == uuid_or_name]
    if not found:
        raise NotFoundError(what, "no server of any project has this uuid or name.", "See openstack server list --all.")
    if len(found) > 1:
        described = ", ".join(f"{entry['id']} (project {entry['tenant_id']})" for entry in found)
        raise StackmoveError(what, f"{len(found)} servers have this name: {described}.", "Name it by its uuid.")
    return server_view(found[0])


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def server_view(server: Json) -> Json:
    """Return what we use of a server, under short names."""
    extended = {key.rpartition(":")[2]: value for key, value in server.items() if key.startswith("OS-")}
    return {
        "id": server["id"],
        "name": server.get("name"),
        "status": server.get("status"),
        "vm_state": extended.get("vm_state"),
        "task_state": extended.get("task_state"),
        "power_state": extended.get("power_state"),
        "host": extended.get("host"),
        "hypervisor_hostname": extended.get("hypervisor_hostname"),
        "instance_name": extended.get("instance_name"),
        "root_device_name": extended.get("root_device_name"),
        "availability_zone": extended.get("availability_zone"),
        "launched_at": extended.get("launched_at"),
        "locked": bool(server.get("locked")),
        "locked_reason": server.get("locked_reason"),
        "flavor": server.get("flavor") or {},
        # A server that was booted from a volume has "" here.
        "image_id": (server.get("image") or {}).get("id"),
        "project_id": server.get("tenant_id"),
        "user_id": server.get("user_id"),
        "key_name": server.get("key_name"),
        "config_drive": bool(server.get("config_drive")),
        "addresses": server.get("addresses") or {},
        "metadata": server.get("metadata") or {},
        "tags": sorted(server.get("tags") or []),
        "fault": server.get("fault"),
        "server_groups": server.get("server_groups") or [],
        "trusted_image_certificates": server.get("trusted_image_certificates") or [],
        "volume_ids": [entry["id"] for entry in server.get("os-extended-volumes:volumes_attached") or []],
    }


def find_flavor(conn: Connection, id_or_name: str) -> Json:
    """Return a flavor with its extra specs; RAM and swap in MiB, root and ephemeral disks in GiB.

    :raises NotFoundError: there is no such flavor
    :raises ApiError: Nova refused
    """
    what = f"find flavor {id_or_name}"
    with translated(what, service="compute"):
        found = conn.compute.find_flavor(id_or_name, ignore_missing=True, get_extra_specs=True)
    if found is None:
        raise NotFoundError(what, "no flavor has this id or name.", "See openstack flavor list --all.")
    return {
        "id": found.id,
        "name": found.name,
        "vcpus": found.vcpus,
        "memory_mb": found.ram,
        "root_gb": found.disk,
        "ephemeral_gb": found.ephemeral,
        "swap_mb": found.swap or 0,
        "rxtx_factor": found.rxtx_factor,
        "is_public": found.is_public,
        "disabled": bool(found.is_disabled),
        "extra_specs": dict(found.extra_specs or {}),
    }


def compute_service(conn: Connection, host: str) -> Json | None:
    """Return status, state and zone of a host's nova-compute, or None when no cell has it.

    :raises ApiError: Nova refused
    """
    answer = call(
        conn,
        "compute",
        "GET",
        "/os-services",
        params={"binary": "nova-compute", "host": host},
        microversion=HOST_VERSION,
        what=f"read the compute service of host {host}",
    )
    keys = ("id", "host", "status", "state", "zone", "disabled_reason", "forced_down", "updated_at")
    return next(
        ({key: entry.get(key) for key in keys} for entry in answer.json()["services"] if entry["host"] == host), None
    )


def reboot_hard(conn: Connection, server_id: str) -> None:
    """Let Nova destroy the guest, if there is one, and define and start it anew from its rows.

    :raises ApiError: Nova refused, such as while a task works on the server
    """
    call(
        conn,
        "compute",
        "POST",
        f"/servers/{server_id}/action",
        json={"reboot": {"type": "HARD"}},
        microversion=SERVER_VERSION,
        what=f"reboot server {server_id}",
        remedy="Wait until nothing works on it (openstack server show), and run again.",
    )


def wait_until_active(conn: Connection, server_id: str, timeout_s: float) -> Json:
    """Wait until a server runs and nothing works on it, and return it as :func:`find_server` does.

    :param timeout_s: seconds
    :raises StackmoveError: it is in error, or not ready by then
    """
    what = f"wait for server {server_id} to become ACTIVE"
    deadline = time.monotonic() + timeout_s
    while True:
        server = find_server(conn, server_id)
        if server["task_state"] is None and server["status"] == "ACTIVE":
            return server
        if server["task_state"] is None and server["status"] == "ERROR":
            fault = (server["fault"] or {}).get("message") or "Nova tells no fault"
            raise StackmoveError(what, f"it is in error: {fault}.", f"See nova-compute's log on {server['host']}.")
        if time.monotonic() >= deadline:
            raise StackmoveError(
                what,
                f"after {timeout_s:g} s it is {server['status']}, task_state {server['task_state']}.",
                f"Check that nova-compute works on {server['host']}, and wait longer (timeout_s) if it is busy.",
            )
        time.sleep(1)
