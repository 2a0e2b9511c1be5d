# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a server is, where it may go, and how far its move has come: read from the systems of record."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import (
    compute,
    images,
    observe,
    placement,
    ports,
    session,
    volumes,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import flavors, objects, rows, states
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row

if TYPE_CHECKING:
    from openstack.connection import Connection

Document = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What the operator asked for."""

    server: str  # name or uuid
    migration: str = ""  # uuid of a move that may be over, to look for what it left behind
    destination_host: str | None = None
    flavor: str | None = None


def observe_move(cells: Cells, conn: Connection, wish: Wish) -> Document:
    """Read everything about a server and its move, and change nothing.

    :raises StackmoveError: there is no such server, flavor or host, or a system cannot be read
    """
    server = observe.observe_server(conn, wish.server)
    uuid = str(server["id"])
    home = cells.of_server(uuid)
    migration = _migration_under_way(cells, home, uuid)
    source = cells.of_host(str(migration["source_compute"])) if migration else home
    migration_uuid = str(migration["uuid"]) if migration else ""
    view = states.view(cells.database(home), uuid, migration_uuid)
    stored = objects.stored_flavors(str(view.extra["flavor"])) if view.extra else {}
    flavor = _wanted_flavor(cells, home, uuid, wish, migration, stored)
    volume_backed = not (view.instance and view.instance["image_ref"])
    resources = objects.flavor_resources(flavor, volume_backed)
    host = _chosen_host(cells, source, migration, server) or wish.destination_host
    destination = _destination(
        cells, conn, replace(wish, destination_host=host), source, migration, placement_claim(flavor, resources)
    )
    target = cells.by_uuid(destination["cell"]["uuid"]) if destination else None
    source_view = states.view(cells.database(source), uuid, migration_uuid)
    target_view = states.view(cells.database(target), uuid, migration_uuid) if target else None
    asked = migration_uuid or wish.migration
    move_images = images.transfer_images(conn, asked) if asked else []
    return {
        "wish": {"destination_host": wish.destination_host, "flavor": wish.flavor},
        "server": server,
        "phase": states.phase(source_view, target_view, target.id == home.id)
        if migration and target and target_view
        else "none",
        "migration": _migration_result(cells, home, migration),
        "home_cell": home.name,
        "rows": _rows_by_cell(cells, uuid),
        "source": _host(cells, conn, source, str(migration["source_compute"] if migration else server["host"])),
        "destination": destination,
        "instance": _instance(view, migration),
        "flavor": objects.flavor_data(flavor),
        "flavor_before": objects.flavor_data(stored.get("old") or stored["cur"]) if stored else None,
        "resources": resources,
        "required_traits": objects.required_traits(flavor),
        "volume_backed": volume_backed,
        "volumes": _volumes(source_view, target_view, server),
        "vifs": json.loads(view.network_info),
        "unmovable": _unmovable(cells, home, view, uuid),
        "leftovers": _leftovers(cells, source, target, uuid, migration_uuid),
        "migration_allocations": observe.allocations(conn, asked) if asked else {},
        "base_image": images.image(conn, _base_image(view)) if _base_image(view) else None,
        "transfer_images": [images.public(image) for image in move_images],
        "server_group": _server_group(cells, uuid),
        "requested_zone": _requested_zone(cells, uuid),
        "service_role": session.has_service_role(conn),
        "binding_extended": ports.has_binding_extended(conn),
        "cinder_microversion": volumes.max_microversion(conn) if view.volumes else None,
    }


def placement_claim(flavor: objects.Document, resources: dict[str, int]) -> placement.Claim:
    """What the server will claim of a provider, which is to be filled in."""
    return placement.Claim(provider="", resources=resources, required_traits=objects.required_traits(flavor))


def _migration_under_way(cells: Cells, home: Cell, server: str) -> Row | None:
    found = [
        row
        for row in cells.database(home).select("migrations", instance_uuid=server, deleted=0)
        if row["cross_cell_move"] and row["status"] not in states.FINAL_STATUSES
    ]
    return found[-1] if found else None


def _migration_result(cells: Cells, home: Cell, migration: Row | None) -> Document | None:
    if migration is None:
        return None
    names = ("uuid", "status", "migration_type", "source_compute", "dest_compute", "dest_node")
    server, request_id = migration["instance_uuid"], states.request_id(str(migration["uuid"]))
    ours = cells.database(home).select("instance_actions", instance_uuid=server, request_id=request_id)
    return {**{name: migration[name] for name in names}, "ours": bool(ours)}


def _cell(cell: Cell) -> Document:
    return {"id": cell.id, "uuid": cell.uuid, "name": cell.name, "disabled": cell.disabled}


def _wanted_flavor(
    cells: Cells, home: Cell, server: str, wish: Wish, migration: Row | None, stored: objects.Document
) -> objects.Document:
    """The flavor that the move under way has, or the operator names, or the server has now."""
    current: objects.Document = stored["cur"]
    if migration is None:
        wanted = flavors.new_flavor(cells, home, server, wish.flavor)
    elif stored.get("new"):
        new: objects.Document = stored["new"]
        return new
    else:
        wanted = flavors.flavor_of_resize(cells, home, server, migration)
    return wanted.document if wanted else current


def _host(cells: Cells, conn: Connection, cell: Cell, host: str) -> Document:
    """A compute host as both its cell's database and the APIs know it."""
    nodes = cells.database(cell).select("compute_nodes", host=host, deleted=0)
    if not nodes:
        raise NotFoundError(
            f"find compute host {host}", f"{cell.name} has no compute node of it.", "Start nova-compute on it."
        )
    node = nodes[0]
    service = compute.compute_service(conn, host)
    return {
        "cell": _cell(cell),
        "host": host,
        "node": node["hypervisor_hostname"],
        "compute_id": node["id"],
        "provider": node["uuid"],
        "ip": node["host_ip"],
        "service": service,
        "availability_zone": (service or {}).get("zone"),
        "shortages": [],
    }


def _chosen_host(cells: Cells, source: Cell, migration: Row | None, server: Document) -> str | None:
    """The destination of the move under way: its migration names it, or before that the server's claim on it does."""
    if migration is None:
        return None
    if migration["dest_compute"]:
        return str(migration["dest_compute"])
    for cell in cells.all():
        for provider in server["allocations"] if cell.id != source.id else ():
            for node in cells.database(cell).select("compute_nodes", uuid=provider, deleted=0):
                return str(node["host"])
    return None


def _destination(
    cells: Cells, conn: Connection, wish: Wish, source: Cell, migration: Row | None, claim: placement.Claim
) -> Document | None:
    """The host which the move under way has, or the operator names, or the roomiest one that Placement accepts."""
    name = wish.destination_host
    if name:
        found = _host(cells, conn, cells.of_host(name), name)
        if migration is None:
            found["shortages"] = _shortages(conn, found, claim)
        return found
    for cell, host in _candidates(cells, source):
        found = _host(cells, conn, cell, host)
        service = found["service"] or {}
        if service.get("status") == "enabled" and service.get("state") == "up" and not _shortages(conn, found, claim):
            return found
    return None


def _shortages(conn: Connection, host: Document, claim: placement.Claim) -> list[str]:
    asked = placement.Claim(host["provider"], claim.resources, claim.required_traits)
    if placement.candidate(conn, asked):
        return []
    return placement.shortages(asked, placement.provider(conn, host["provider"])) or ["no allocation candidate"]


def _candidates(cells: Cells, source: Cell) -> list[tuple[Cell, str]]:
    """Hosts of the other enabled cells, those with most free memory first."""
    free: list[tuple[int, Cell, str]] = []
    for cell in cells.all():
        if cell.id != source.id and not cell.disabled:
            nodes = cells.database(cell).select("compute_nodes", deleted=0)
            free += [(int(node["free_ram_mb"] or 0), cell, str(node["host"])) for node in nodes]
    return [(cell, host) for _free, cell, host in sorted(free, key=lambda found: (-found[0], found[2]))]


def _instance(view: states.CellView, migration: Row | None) -> Document:
    row = view.instance or {}
    names = ("display_name", "host", "node", "image_ref", "config_drive", "vm_state", "task_state", "power_state")
    return {
        **{name: row.get(name) for name in names},
        "id": row.get("id"),
        # Without a move under way, an old_vm_state is what a failed resize has left.
        "old_vm_state": view.old_vm_state if migration else row.get("vm_state"),
        "launched_at": str(row.get("launched_at") or ""),
        "shutdown_timeout_s": int(view.metadata["image_os_shutdown_timeout"])
        if "image_os_shutdown_timeout" in view.metadata
        else None,
    }


def _rows_by_cell(cells: Cells, server: str) -> dict[str, str]:
    """Which cells hold the instance, by name: ``live`` or ``hidden``; the others are left out."""
    found = {}
    for cell in cells.all():
        instances = cells.database(cell).select("instances", uuid=server)
        if instances:
            found[cell.name] = "hidden" if instances[0]["hidden"] else "live"
    return found


def _base_image(view: states.CellView) -> str:
    return view.metadata.get("image_base_image_ref") or str((view.instance or {}).get("image_ref") or "")


def _volumes(source: states.CellView, target: states.CellView | None, server: Document) -> list[Document]:
    """The server's volumes, each with the attachment of either side, as the cells' rows name them."""
    here = {str(row["volume_id"]): row for row in source.volumes}
    there = {str(row["volume_id"]): row for row in target.volumes} if target else {}
    found = []
    for volume_id, row in {**there, **here}.items():
        source_id = here[volume_id]["attachment_id"] if volume_id in here else None
        target_id = there[volume_id]["attachment_id"] if volume_id in there else None
        found.append(
            {
                "volume_id": volume_id,
                "device": row["device_name"],
                "boot_index": row["boot_index"],
                "source_attachment_id": source_id,
                # Until the destination has one of its own, the copied row names the source's.
                "destination_attachment_id": target_id if target_id != source_id else None,
                "volume": server["volumes"].get(volume_id),
            }
        )
    return found


def _unmovable(cells: Cells, home: Cell, view: states.CellView, server: str) -> list[str]:
    """What the instance has that a cross-cell move would lose (Nova loses it silently)."""
    extra = view.extra or {}
    found = []
    if extra.get("numa_topology"):
        found.append("a NUMA topology")
    if json.loads(str(extra.get("pci_requests") or "[]")) or cells.database(home).query(
        "SELECT id FROM pci_devices WHERE instance_uuid = %s AND deleted = 0", (server,)
    ):
        found.append("PCI devices")
    if extra.get("resources"):
        found.append("host resources of its own (vGPU or vPMEM)")
    if cells.database(home).columns("share_mapping") and cells.database(home).select(
        "share_mapping", instance_uuid=server
    ):
        found.append("an attached Manila share")
    if view.metadata.get("image_hw_tpm_model") or view.metadata.get("vtpm_secret_uuid"):
        found.append("an emulated TPM, whose state is on the host")
    if view.metadata.get("image_hw_firmware_type") == "uefi":
        found.append("UEFI variables (NVRAM), which are on the host")
    return found


def _leftovers(cells: Cells, source: Cell, target: Cell | None, server: str, migration: str) -> list[str]:
    """Rows in the target cell that are in the way and were not brought there by this move."""
    if target is None or target.id == source.id:
        return []
    database = cells.database(target)
    if migration and database.select("migrations", uuid=migration, instance_uuid=server):
        return []
    found = rows.read_rows(cells.database(source), server)
    return rows.leftovers(database, rows.plan_copy(found, {table: database.columns(table) for table in found}))


def _requested_zone(cells: Cells, server: str) -> str | None:
    """The availability zone that its owner asked for at boot, which the scheduler honours ever after."""
    specs = cells.api.select("request_specs", instance_uuid=server)
    return objects.requested_zone(str(specs[0]["spec"])) if specs else None


def _server_group(cells: Cells, server: str) -> Document | None:
    """The server's group: its policy, and the hosts of its other members."""
    found = cells.api.query(
        "SELECT g.id, g.uuid, g.name, p.policy FROM instance_group_member m"
        " JOIN instance_groups g ON g.id = m.group_id LEFT JOIN instance_group_policy p ON p.group_id = g.id"
        " WHERE m.instance_uuid = %s",
        (server,),
    )
    if not found:
        return None
    hosts = set()
    for member in cells.api.select("instance_group_member", group_id=found[0]["id"]):
        other = str(member["instance_uuid"])
        if other != server and cells.api.select("instance_mappings", instance_uuid=other):
            instances = cells.database(cells.of_server(other)).select("instances", uuid=other, deleted=0)
            hosts |= {str(row["host"]) for row in instances if row["host"]}
    return {"name": found[0]["name"], "policy": found[0]["policy"], "hosts": sorted(hosts)}
