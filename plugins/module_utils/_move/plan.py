# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a move: a pure function of what was observed, which every phase then follows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._move.blockers import Document, Observed

# Nova's default of [DEFAULT]shutdown_timeout, where neither image nor host says otherwise.
_SHUTDOWN_TIMEOUT_S = 60


def make_plan(observed: Observed, inventory_names: Mapping[str, str]) -> Document:
    """All that the phases need to know, decided once.

    :param inventory_names: Ansible's name of a compute host by Nova's, where they differ
    """
    move, server = observed.move, observed.move["server"]
    migration = move["migration"]
    destination = move["destination"]
    return {
        "server": server["id"],
        "name": server["name"],
        "project_id": server["project_id"],
        "user_id": server["user_id"],
        "phase": _phase(observed),
        "migration": migration["uuid"] if migration else str(uuid.uuid4()),
        "resize": move["flavor"]["flavorid"] != move["flavor_before"]["flavorid"],
        "flavor": _flavor(move["flavor"]),
        "flavor_before": _flavor(move["flavor_before"]),
        "resources": move["resources"],
        "required_traits": move["required_traits"],
        "running": move["instance"]["old_vm_state"] == "active",
        "shutdown_timeout_s": _shutdown_timeout(observed),
        "source": {
            **_place(move["source"], inventory_names),
            "connector": observed.source_host.get("connector"),
            "directory": (observed.source_host.get("directory") or {}).get("path"),
        },
        "destination": {
            **_place(destination, inventory_names),
            "connector": observed.destination_host.get("connector"),
            "compute_id": destination["compute_id"],
            "provider": destination["provider"],
            "availability_zone": destination["availability_zone"],
        }
        if destination
        else None,
        "ports": [_port(vif) for vif in move["vifs"]],
        "vifs": move["vifs"],
        "volumes": [_volume(volume) for volume in move["volumes"]],
        "disk_transport": "snapshot",
        "disks": _disks(observed),
        "images": _images(observed),
        "base_image": _base_image(move),
    }


def _phase(observed: Observed) -> str:
    """The phase to go on from: a rollback that was killed has left a guest at the source, which has to go once more."""
    phase = str(observed.move["phase"])
    return "stopping" if phase == "departed" and observed.source_host.get("guest") else phase


def _place(host: Document, inventory_names: Mapping[str, str]) -> Document:
    return {
        "host": host["host"],
        "node": host["node"],
        "ip": host["ip"],
        "cell": host["cell"]["name"],
        "cell_uuid": host["cell"]["uuid"],
        "inventory_name": inventory_names.get(host["host"], host["host"]),
    }


def _flavor(flavor: Document) -> Document:
    names = ("name", "flavorid", "memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap", "extra_specs")
    return {name: flavor.get(name) for name in names}


def _shutdown_timeout(observed: Observed) -> int:
    """The image's ``os_shutdown_timeout``, else the host's, in seconds (``ComputeManager._get_power_off_values``)."""
    for value in (
        observed.move["instance"]["shutdown_timeout_s"],
        (observed.source_host.get("nova") or {}).get("shutdown_timeout_s"),
    ):
        if value is not None:
            return int(value)
    return _SHUTDOWN_TIMEOUT_S


def _port(vif: Document) -> Document:
    return {"id": vif["id"], "vnic_type": vif.get("vnic_type") or "normal", "profile": vif.get("profile") or {}}


def _volume(volume: Document) -> Document:
    return {
        "volume_id": volume["volume_id"],
        "source_attachment_id": volume["source_attachment_id"],
        "destination_attachment_id": volume["destination_attachment_id"],
        "mountpoint": volume["device"],
    }


def _disks(observed: Observed) -> list[Document]:
    """The local disks that travel: the root disk, and whatever else Nova keeps in the server's folder."""
    directory = observed.source_host.get("directory")
    return [
        {"disk": disk["name"], "disk_format": disk["format"], "virtual_size_bytes": disk["virtual_size_bytes"]}
        for disk in (directory["disks"] if directory else [])
    ]


def _images(observed: Observed) -> list[Document]:
    """The temporary images that carry the disks, named as Nova names its own (``PrepResizeAtSourceTask``)."""
    move = observed.move
    server, name = move["server"], move["instance"]["display_name"]
    inherited = move["base_image"] or {}
    return [
        {
            "disk": disk["disk"],
            "name": f"{name}-resize-temp" if disk["disk"] == "disk" else f"{name}-{disk['disk']}-resize-temp",
            "disk_format": disk["disk_format"],
            "properties": {
                **(inherited if disk["disk"] == "disk" else {}),
                "instance_uuid": server["id"],
                "user_id": server["user_id"],
            },
        }
        for disk in _disks(observed)
    ]


def _base_image(move: Document) -> Document | None:
    """The image on whose cached copy the root disk is rebased; None flattens it (volume-backed, or image gone)."""
    image = move["base_image"]
    if move["volume_backed"] or not image:
        return None
    return {"id": image["id"], "disk_format": image["disk_format"]}


def describe(plan: Document, job: str = "move") -> list[str]:
    """The plan as the operator reads it: what is left to do, a line for each step, in their order.

    :param job: ``move`` or ``confirm``
    """
    source, destination, phase = plan["source"], plan["destination"], plan["phase"]
    if destination is None:
        return [f"{plan['name']} ({plan['server']}) has nowhere to go"]
    kind = f"resize to {plan['flavor']['name']}" if plan["resize"] else "cold migration"
    places = f"from {source['host']} in {source['cell']} to {destination['host']} in {destination['cell']}"
    title = f"{plan['name']} ({plan['server']}) {places}: {kind}"
    if job == "confirm":
        return [f"confirm the move of {title}", *_confirm(plan)]
    if phase in ("finished", "confirming"):
        return [f"the move of {title} is made; it waits to be confirmed"]
    lines = [f"move {title}" if phase == "none" else f"go on with the move of {title}"]
    if phase in ("none", "started", "copied"):
        lines += _prep_dest(plan)
    if phase != "departed":
        lines += _prep_source(plan)
    return [*lines, *_finish(plan)]


def _prep_dest(plan: Document) -> list[str]:
    destination = plan["destination"]
    lines = [
        f"prep_dest: take the server (task_state resize_prep, migration {plan['migration']})",
        f"prep_dest: claim {_amounts(plan['resources'])} on {destination['node']}",
        f"prep_dest: copy its rows to {destination['cell']}, hidden",
    ]
    lines += [f"prep_dest: bind port {port['id']} to {destination['host']}, inactive" for port in plan["ports"]]
    lines += [f"prep_dest: reserve an attachment of volume {entry['volume_id']}" for entry in plan["volumes"]]
    if plan["base_image"]:
        lines.append(f"prep_dest: cache base image {plan['base_image']['id']} on {destination['host']}")
    return lines


def _prep_source(plan: Document) -> list[str]:
    lines = []
    if plan["running"]:
        lines.append(f"prep_source: shut the guest down ({plan['shutdown_timeout_s']} s, then destroy it)")
    lines += [f"prep_source: upload {_disk(disk)} to Glance" for disk in plan["disks"]]
    lines.append(f"prep_source: undefine the guest on {plan['source']['host']}, keeping its disks until confirm")
    return lines


def _finish(plan: Document) -> list[str]:
    host = plan["destination"]["host"]
    lines = [f"finish: hand volume {entry['volume_id']} over to {host}" for entry in plan["volumes"]]
    lines += [f"finish: activate port {port['id']} on {host}" for port in plan["ports"]]
    lines += [f"finish: download {disk['disk']} to {host}, checked" for disk in plan["disks"]]
    lines.append(f"finish: define the guest on {host}" + (" and start it" if plan["running"] else ""))
    lines.append(f"finish: flip the cell mapping to {plan['destination']['cell']}: VERIFY_RESIZE")
    return lines


def _confirm(plan: Document) -> list[str]:
    source = plan["source"]
    lines = [f"confirm: delete the guest's disks on {source['host']}"]
    lines += [f"confirm: delete the binding of port {port['id']} to {source['host']}" for port in plan["ports"]]
    lines += [f"confirm: delete the kept attachment of volume {entry['volume_id']}" for entry in plan["volumes"]]
    lines.append(f"confirm: release what it claimed of {source['node']}")
    lines.append(f"confirm: delete its rows in {source['cell']}")
    return lines


def _disk(disk: Document) -> str:
    return f"{disk['disk']} ({disk['disk_format']}, {disk['virtual_size_bytes'] / 1024**3:.1f} GiB)"


def _amounts(resources: Mapping[str, Any]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in sorted(resources.items()))
