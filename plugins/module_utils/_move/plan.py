# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a move: a pure function of what was observed, which every phase then follows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import (
    GUEST_LEFT,
    Document,
    Observed,
    course,
    is_deleted,
    unreached,
)

_SHUTDOWN_TIMEOUT_S = 60
_CLEAR = ("finish: delete the images that carried its disks",)


def make_plan(
    observed: Observed, inventory_names: Mapping[str, str], run: str, refused: Sequence[Document] = ()
) -> Document:
    """All that the phases need to know, decided once.

    :param inventory_names: Ansible's name of a compute host by Nova's, where they differ
    :param run: the run that follows the plan, as :mod:`owner` writes it
    :param refused: the hosts that could not take the server, each with `host` and `cause`
    """
    move, server = observed.move, observed.move["server"]
    destination = move["destination"]
    going = course(observed)
    return {
        "job": observed.job,
        "direction": going.direction,
        "roles": list(going.roles),
        "run": run,
        "previous_run": move.get("run") or "",
        "refused": [dict(host) for host in refused],
        "fenced": observed.fenced,
        "deleted": is_deleted(observed),
        "server": server["id"],
        "name": server["name"],
        "project_id": server["project_id"],
        "user_id": server["user_id"],
        "phase": observed.phase,
        "migration": _migration(observed),
        "resize": move["flavor"]["flavorid"] != move["flavor_before"]["flavorid"],
        "flavor": _flavor(move["flavor"]),
        "flavor_before": _flavor(move["flavor_before"]),
        "resources": move["resources"],
        "required_traits": move["required_traits"],
        "running": move["instance"]["old_vm_state"] == "active",
        "shutdown_timeout_s": _shutdown_timeout(observed),
        "source": {
            **_place(move["source"], inventory_names),
            **_found(observed.source_host, server["id"]),
            "domain_name": move["domain_names"].get(move["source"]["cell"]["uuid"]),
            "availability_zone": move["source"]["availability_zone"],
        },
        "destination": {
            **_place(destination, inventory_names),
            **_found(observed.destination_host, server["id"]),
            "domain_name": move["domain_names"].get(destination["cell"]["uuid"]),
            "availability_zone": destination["availability_zone"],
            "compute_node": {
                key: destination[key] for key in ("host", "node", "compute_id", "ip", "availability_zone")
            },
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
        "nova_made": _is_novas(observed),
        "nova_image": _nova_image(observed),
        "rebuild": _needs_rebuild(observed),
    }


def _needs_rebuild(observed: Observed) -> bool:
    """Whether only Nova can define the guest at its source again: it died over the move, and has kept no XML."""
    source, destination = observed.source_host, observed.destination_host
    if unreached(source) or source.get("guest") or is_deleted(observed):
        return False
    note = (source.get("directory") or {}).get("note") or {}
    kept = note.get("migration") == _migration(observed)
    if observed.phase == "returned":  # Nova destroys it at the destination before it defines it at the source
        return not kept and not unreached(destination) and not destination.get("guest")
    return observed.job == "recover" and observed.phase in GUEST_LEFT and not kept


def _is_novas(observed: Observed) -> bool:
    """Whether what is at the destination was brought there by Nova."""
    migration = observed.move["migration"]
    return bool(migration and not migration["ours"])


def _nova_image(observed: Observed) -> Document | None:
    """By what the image is known which Nova, had it not died over the move, would have deleted."""
    move = observed.move
    if not _is_novas(observed):
        return None
    return {
        "server": move["server"]["id"],
        "name": f"{move['instance']['display_name']}-resize-temp",
        "since": move["migration"]["created_at"].replace(" ", "T") + "Z",
    }


def _migration(observed: Observed) -> str:
    """The uuid of the move under way, or of the one that failed and may have left something; else a new one."""
    if observed.move["migration"]:
        return str(observed.move["migration"]["uuid"])
    return str((observed.job == "recover" and observed.move.get("last_failed")) or uuid.uuid4())


def _found(host: Document, server: str) -> Document:
    """What a host has of the server, as far as it could be read."""
    path = (host.get("nova") or {}).get("instances_path")
    return {
        "connector": host.get("connector"),
        "directory": (host.get("directory") or {}).get("path") or (f"{path}/{server}" if path else None),
        "guest": (host.get("guest") or {}).get("state"),
        "reached": bool(host) and not unreached(host),
    }


def _place(host: Document, inventory_names: Mapping[str, str]) -> Document:
    return {
        "host": host["host"],
        "node": host["node"],
        "ip": host["ip"],
        "cell": host["cell"]["name"],
        "cell_uuid": host["cell"]["uuid"],
        "inventory_name": inventory_names.get(host["host"], host["host"]),
        "provider": host["provider"],
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
        "detached": volume.get("detached", False),
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


def describe(plan: Document) -> list[str]:
    """The plan as the operator reads it: what is left to do, a line for each step, in their order."""
    source, destination, phase = plan["source"], plan["destination"], plan["phase"]
    refused = [f"{host['host']} does not take it: {host['cause']}" for host in plan["refused"]]
    if plan["job"] != "move" and not plan["roles"]:
        return [f"{plan['name']} ({plan['server']}): nothing to {plan['job']} (phase {phase})"]
    if destination is None:
        return [*refused, f"{plan['name']} ({plan['server']}) {'has nowhere to go' if phase == 'none' else 'stays'}"]
    kind = f"resize to {plan['flavor']['name']}" if plan["resize"] else "cold migration"
    places = f"from {source['host']} in {source['cell']} to {destination['host']} in {destination['cell']}"
    title = f"{plan['name']} ({plan['server']}) {places}: {kind}"
    if "confirm" in plan["roles"]:
        return [f"confirm the move of {title}", *_confirm(plan)]
    if "revert" in plan["roles"]:
        return [f"revert the move of {title}", *_revert(plan)]
    if phase in ("finished", "confirming") and plan["job"] in ("move", "recover"):
        return [f"the move of {title} is made; it waits to be confirmed", *(_CLEAR if plan["roles"] else ())]
    if plan["direction"] == "back":
        return [f"take back the move of {title}", *_roll_back(plan)]
    lines = [f"move {title}" if phase == "none" else f"go on with the move of {title}"]
    if "prep_dest" in plan["roles"]:
        lines += _prep_dest(plan)
    if "prep_source" in plan["roles"]:
        lines += _prep_source(plan)
    return [*refused, *lines, *_finish(plan)]


def _prep_dest(plan: Document) -> list[str]:
    destination = plan["destination"]
    lines = [
        f"prep_dest: take the server (task_state resize_prep, migration {plan['migration']})",
        f"prep_dest: claim {amounts(plan['resources'])} on {destination['node']}",
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
    return [*lines, *_CLEAR]


def _confirm(plan: Document) -> list[str]:
    source = plan["source"]
    lines = [f"confirm: delete the guest's disks on {source['host']}"]
    lines += [f"confirm: delete the binding of port {port['id']} to {source['host']}" for port in plan["ports"]]
    lines += [f"confirm: delete the kept attachment of volume {entry['volume_id']}" for entry in plan["volumes"]]
    lines.append(f"confirm: release what it claimed of {source['node']}")
    lines.append(f"confirm: delete its rows in {source['cell']}")
    return lines


def _revert(plan: Document) -> list[str]:
    source, destination = plan["source"], plan["destination"]
    lines = [f"revert: shut the guest down on {destination['host']} ({plan['shutdown_timeout_s']} s, then destroy it)"]
    lines += [
        f"revert: let go of volume {entry['volume_id']}, which was detached since"
        if entry["detached"]
        else f"revert: hand volume {entry['volume_id']} over to {source['host']}"
        for entry in plan["volumes"]
    ]
    lines += [f"revert: activate port {port['id']} on {source['host']}" for port in plan["ports"]]
    lines.append(
        f"revert: define the guest on {source['host']}, from the disks kept there"
        + (", and start it" if plan["running"] else "")
        + "; what it has written to its local disks since the move is lost"
    )
    lines.append(f"revert: flip the cell mapping to {source['cell']}")
    lines.append(f"revert: delete its disks, bindings and attachments on {destination['host']}, and what it claimed")
    lines.append(f"revert: delete its rows in {destination['cell']}")
    return lines


def _roll_back(plan: Document) -> list[str]:
    source, destination = plan["source"], plan["destination"]
    written = "; what it has written there is lost" if destination["guest"] else ""
    lines = [f"finish, back: remove what {destination['host']} has of the guest{written}"]
    lines += [f"finish, back: give volume {entry['volume_id']} back to {source['host']}" for entry in plan["volumes"]]
    lines += [f"finish, back: activate port {port['id']} on {source['host']}" for port in plan["ports"]]
    if not plan["deleted"]:
        lines.append(f"prep_source, back: bring the guest back on {source['host']}")
    lines.append(f"prep_dest, back: delete its rows in {destination['cell']}, and what was reserved for it")
    lines.append("prep_dest, back: give the server back to its user")
    if plan["rebuild"]:
        lines.append("prep_dest, back: let Nova define the guest anew (hard reboot): it has kept nothing of it")
    return lines


def _disk(disk: Document) -> str:
    return f"{disk['disk']} ({disk['disk_format']}, {disk['virtual_size_bytes'] / 1024**3:.1f} GiB)"


def amounts(resources: Mapping[str, Any]) -> str:
    """Amounts of resource classes, as an operator reads them."""
    return ", ".join(f"{amount} {name}" for name, amount in sorted(resources.items()))
