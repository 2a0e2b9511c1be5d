#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: live_migration_remains
short_description: What Cinder, Neutron and Placement have of a server that was deleted while it was migrated live
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Nova deletes what its own rows tell of a server. What a live migration has connected, bound and claimed for it
    beside stays.
  - It must be known that the server is gone (RV(stackmove.nova.live_migration_info#module:gone)). Nothing here asks
    for it.
  - A volume that is freed by this stays, also where Nova was to delete it with its server and could not.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
  - stackmove.nova.nova_move
options:
  state:
    description:
      - V(seen) tells how its volumes are reached from O(hosts), and changes nothing.
      - V(absent) deletes the server's attachments in Cinder, the bindings of its O(ports), and what the server and the
        migration have claimed in Placement. Connected attachments take O(service_cloud).
    type: str
    choices: [seen, absent]
    required: true
  hosts:
    description:
      - Nova's names of the hosts that are meant. For V(absent), nothing of the guest may be left on them. What is
        connected or bound to another host stays.
    type: list
    elements: str
    required: true
  ports:
    description:
      - UUIDs of the ports that the server had. Those that are deleted, or that another server has by now, are left
        alone.
    type: list
    elements: str
    default: []
seealso:
  - module: stackmove.nova.live_migration_info
  - module: stackmove.nova.live_migration_guest
"""

EXAMPLES = r"""
- name: Leave nothing behind of a server that is gone
  stackmove.nova.live_migration_remains:
    cloud: production
    service_cloud: production-service
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88
    hosts: [compute11, compute12]
    ports: [0b1c9d9e-51b4-4f0e-9d43-2f1a6a0d7b10]
    state: absent
"""

RETURN = r"""
volumes:
  description: The volumes that are connected to O(hosts). Contains secrets, so set C(no_log) on the task.
  returned: when O(state=seen)
  type: list
  elements: dict
  contains:
    volume_id:
      description: UUID of the volume.
      type: str
    host:
      description: The host to which it is connected.
      type: str
    connection_info:
      description: How it is reached from there, as Nova stores it.
      type: dict
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["delete the binding of port 0b1c9d9e-51b4-4f0e-9d43-2f1a6a0d7b10 to host compute12"]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import placement, ports, volumes
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    call,
    connect,
    has_service_token,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError

if TYPE_CHECKING:
    from openstack.connection import Connection


def attachments(conn: Connection, server: str) -> list[dict[str, Any]]:
    """Return the server's attachments of all volumes, each with its volume and whether that is multi-attach."""
    answer = call(
        conn,
        "block_storage",
        "GET",
        "/attachments/detail",
        params={"instance_id": server, "all_tenants": "1"},
        microversion=volumes.ATTACHMENT_VERSION,
        what=f"list the attachments of server {server}",
    )
    found = []
    for volume_id in sorted({entry["volume_id"] for entry in answer.json()["attachments"]}):
        try:
            volume = volumes.volume(conn, volume_id)
        except NotFoundError:  # and its attachments are with it
            continue
        common = {"volume_id": volume_id, "multiattach": volume["multiattach"]}
        found += [{**entry, **common} for entry in volumes.attachments(conn, server, volume)]
    return found


def seen(conn: Connection, server: str, hosts: Sequence[str]) -> list[dict[str, Any]]:
    """Return how the server's volumes are reached from these hosts."""
    return [
        {
            "volume_id": entry["volume_id"],
            "host": entry["host"],
            "connection_info": volumes.connection_info(
                volumes.read_connection(conn, entry["id"]), entry["volume_id"], entry["multiattach"]
            ),
        }
        for entry in attachments(conn, server)
        if entry["host"] in hosts and entry["exported"]
    ]


def plan_volumes(found: Sequence[dict[str, Any]], hosts: Sequence[str]) -> list[volumes.AttachmentChange]:
    """Decide which attachments go. One without a host is used by nobody."""
    return [
        volumes.AttachmentChange("delete", entry["volume_id"], "deleted server's", entry["id"], entry["exported"])
        for entry in found
        if entry["host"] is None or entry["host"] in hosts
    ]


def plan_port(
    port: str, owner: str, bindings: Sequence[dict[str, Any]], server: str, hosts: Sequence[str]
) -> tuple[list[ports.BindingChange], bool]:
    """Decide which bindings of a port that its user has kept go, and whether it is to be unbound.

    :param owner: the server that the port is of; empty where it is nobody's
    """
    if owner not in ("", server):
        return [], False
    here = [binding for binding in bindings if binding["host"] in hosts]
    deleted = [
        ports.BindingChange("delete", ports.WantedPort(port), binding["host"])
        for binding in here
        if binding["status"] != "ACTIVE"
    ]
    return deleted, any(binding["status"] == "ACTIVE" for binding in here)


def free_port(conn: Connection, port: str, server: str, hosts: Sequence[str], dry_run: bool) -> list[str]:
    """Take a port from the deleted server, if it still is there."""
    what = f"unbind port {port}"
    answer = call(conn, "network", "GET", f"/ports/{port}", what=f"read port {port}", accept=(404,))
    if answer.status_code == 404:
        return []
    owner = answer.json()["port"].get("device_id") or ""
    changes, unbind = plan_port(port, owner, ports.port_bindings(conn, port), server, hosts)
    if not dry_run:
        ports.apply_bindings(conn, changes)
        if unbind:  # as Nova does with the ports that it has not made (nova.network.neutron.API._unbind_ports)
            body = {"device_id": "", "device_owner": "", "binding:host_id": None}
            call(conn, "network", "PUT", f"/ports/{port}", json={"port": body}, what=what, accept=(404,))
    return [*map(str, changes), *([what] if unbind else [])]


def absent(conn: Connection, params: dict[str, Any], dry_run: bool) -> list[str]:
    """Delete what is left, and return what was done."""
    server, migration, hosts = params["server"], params["migration"], params["hosts"]
    changes = plan_volumes(attachments(conn, server), hosts)
    volumes.check_means(changes, volumes.Holding("source"), None, has_service_token(conn))
    actions = [line for port in params["ports"] for line in free_port(conn, port, server, hosts, dry_run)]
    for change in changes:
        if not dry_run:
            wanted = volumes.WantedVolume(change.volume_id)
            volumes.apply_plan(conn, server, wanted, volumes.VolumePlan((change,), {}, {}), None)
        actions.append(str(change))
    for consumer in (migration, server):
        other = server if consumer == migration else migration
        outcome = placement.settle(conn, "released", (other, consumer), None, placement.Owner(), dry_run)
        if outcome.changed:
            actions.append(f"delete the allocations of {'migration' if consumer == migration else 'server'} {consumer}")
    return actions


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    conn = connect(params["cloud"], params["service_cloud"])
    if params["state"] == "seen":
        found = seen(conn, params["server"], params["hosts"])
        return {"changed": False, "volumes": found, "actions": [], "diff": {"before": "", "after": ""}}
    actions = absent(conn, params, module.check_mode)
    return {"changed": bool(actions), "actions": actions, "diff": {"before": "", "after": "\n".join([*actions, ""])}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["seen", "absent"], "required": True},
            "hosts": {"type": "list", "elements": "str", "required": True},
            "ports": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
