# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a server is, where it may go, and how far its move has come: read from the systems of record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from ansible_collections.stackmove.nova.plugins.module_utils._move import candidates
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import CROSS_CELL_LIVE, LIVE, LIVE_JOBS
from ansible_collections.stackmove.nova.plugins.module_utils._nova import (
    aggregates,
    flavors,
    live,
    objects,
    rows,
    states,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row

if TYPE_CHECKING:
    from openstack.connection import Connection

Document = dict[str, Any]

_NODES_OF_PROVIDERS = "SELECT host, free_ram_mb FROM compute_nodes WHERE uuid IN %s AND deleted = 0"

#: As many hosts that may take a server are looked for: one, and two to try after it, as Nova's max_attempts has it.
_CANDIDATES = 3
_NOTHING = states.CellView(None, None, None, {}, (), "[]")  # of a cell that isn't known yet
_DELETED = "DELETED"  # as Nova's API calls a server that its owner has deleted
# A move with one of these has failed, and may have left something behind.
_FAILED_STATUSES = ("error", "failed", "cancelled")


@dataclass(frozen=True)
class Wish:
    """What the operator asked for."""

    server: str  # name or uuid
    migration: str = ""  # uuid of a move that may be over, to look for what it left behind
    destination_host: str | None = None
    flavor: str | None = None
    # recover looks for what the last move has left, if that has failed; the live jobs for a live migration
    job: str = "move"
    exclude_hosts: Sequence[str] = ()  # which are not to be proposed
    cross_cell_move_weight_multiplier: float = candidates.WEIGHT_MULTIPLIER


@dataclass(frozen=True)
class Place:
    """Where a server is and which of its moves is looked at, by Nova's databases.

    :param home: the cell in which it lives
    :param source: the cell that it leaves
    :param migration: the one that is under way, or the failed one that is looked at
    :param last_failed: uuid of the newest migration, if it is ours and has failed on its way to a host that is known
    :param last_status: status of the newest migration; None if there was none
    :param live: the live job for which this is read; empty where cold moves to other cells are looked at
    """

    server: str
    home: Cell
    source: Cell
    migration: Row | None
    last_failed: str | None
    last_status: str | None
    live: str = ""

    @property
    def uuid(self) -> str:
        """The migration's, or an empty string."""
        return str(self.migration["uuid"]) if self.migration else ""

    @property
    def under_way(self) -> Row | None:
        """The move that is under way, for which the server may have a new flavor."""
        if self.live or not self.migration or self.migration["status"] in states.FINAL_STATUSES:
            return None
        return self.migration


def observe_move(cells: Cells, conn: Connection, wish: Wish) -> Document:
    """Read everything about a server and its move, and change nothing.

    :raises StackmoveError: there is no such server, flavor or host, or a system cannot be read
    """
    server = _server(cells, conn, wish)
    place = find_place(cells, server, wish)
    uuid, home, source, migration = place.server, place.home, place.source, place.migration
    view = _last_known(cells, home, states.view(cells.database(home), uuid, place.uuid), uuid)
    stored = objects.stored_flavors(str(view.extra["flavor"])) if view.extra else {}
    flavor = _wanted_flavor(cells, home, uuid, wish, place.under_way, stored)
    volume_backed = not (view.instance and view.instance["image_ref"])
    resources = objects.flavor_resources(flavor, volume_backed)
    group = _server_group(cells, uuid)
    zone = _requested_zone(cells, uuid)
    request = candidates.Request(
        project_id=str(server["project_id"]),
        zone=zone,
        extra_specs=objects.flavor_data(flavor).get("extra_specs") or {},
        group_hosts=group["hosts"] if group and group["policy"] == "anti-affinity" else (),
        exclude_hosts=[*wish.exclude_hosts, *([str(server["host"])] if place.live else [])],
        weight_multiplier=wish.cross_cell_move_weight_multiplier,
    )
    destination, looked_at = _destination(
        cells, conn, place, server, wish.destination_host, placement_claim(flavor, resources), request
    )
    target = cells.by_uuid(destination["cell"]["uuid"]) if destination else None
    source_view = states.view(cells.database(source), uuid, place.uuid)
    target_view = states.view(cells.database(target), uuid, place.uuid) if target else _NOTHING
    moved = bool(target and target.id == home.id)
    phase = _phase(place, source_view, target_view, moved)
    asked = place.uuid or wish.migration
    move_images = images.transfer_images(conn, asked) if asked else []
    return {
        "wish": {"destination_host": wish.destination_host, "flavor": wish.flavor},
        "server": server,
        "phase": phase,
        "migration": _migration_result(cells, home, migration, phase),
        "last_failed": place.last_failed,
        "last_status": place.last_status,
        "half_done_live": half_done_live(cells, home, uuid),
        "run": (target_view if (moved and place.live) or states.seat(phase) == "target" else source_view).run,
        "home_cell": home.name,
        "rows": _rows_by_cell(cells, uuid),
        "domain_names": _domain_names(cells, uuid),
        "source": _host(cells, conn, source, str(migration["source_compute"] if migration else server["host"])),
        "destination": destination,
        "candidates": looked_at,
        "instance": _instance(view, migration),
        "flavor": objects.flavor_data(flavor),
        "flavor_before": objects.flavor_data(stored.get("old") or stored["cur"]) if stored else None,
        "resources": resources,
        "required_traits": objects.required_traits(flavor),
        "volume_backed": volume_backed,
        "volumes": [
            {**entry, "detached": entry["detached"] or server["status"] == _DELETED}
            for entry in (
                live_volumes((target_view if moved else source_view).volumes, phase == "arrived", server["volumes"])
                if place.live
                else find_volumes(source_view.volumes, target_view.volumes, moved, server["volumes"])
            )
        ],
        "vifs": _vifs(server, view, source_view, target_view),
        "kept_ports": _kept_ports(cells, home, uuid) if server["status"] == _DELETED else [],
        "unmovable": _unmovable(cells, home, view, uuid),
        "leftovers": _leftovers(cells, source, target, uuid, place.uuid),
        "migration_allocations": observe.allocations(conn, asked) if asked else {},
        "base_image": images.image(conn, _base_image(view)) if _base_image(view) else None,
        "transfer_images": [images.public(image) for image in move_images],
        "server_group": group,
        "requested_zone": zone,
        "service_role": session.has_service_role(conn),
        "binding_extended": ports.has_binding_extended(conn),
        "cinder_microversion": volumes.max_microversion(conn) if view.volumes else None,
    }


def _phase(place: Place, source: states.CellView, target: states.CellView, moved: bool) -> str:
    if place.migration is None:
        return "none"
    if not place.live:
        return states.phase(source, target, moved)
    # Where it lives by now tells how far it is; within a cell both are one.
    return live.phase(target if moved else source)


def placement_claim(flavor: objects.Document, resources: dict[str, int]) -> placement.Claim:
    """What the server will claim of a provider, which is to be filled in."""
    return placement.Claim(provider="", resources=resources, required_traits=objects.required_traits(flavor))


def _server(cells: Cells, conn: Connection, wish: Wish) -> Document:
    try:
        return observe.observe_server(conn, wish.server)
    except NotFoundError:
        found = _deleted_server(cells, conn, wish)
        if found is None:
            raise
        return found


def _deleted_server(cells: Cells, conn: Connection, wish: Wish) -> Document | None:
    """A server that its owner has deleted while it was moved, which Nova's API shows no more; None if it isn't one.

    What the move has claimed, copied and reserved for it is nobody's then, and is still there.
    """
    server = wish.server
    if wish.job not in ("recover", *LIVE_JOBS) or not cells.api.select("instance_mappings", instance_uuid=server):
        return None
    home = cells.of_server(server)
    instances = cells.database(home).select("instances", uuid=server)
    moved = wish.job == "recover" and any(
        row["status"] not in states.FINAL_STATUSES for row in _moves(cells, home, server)
    )
    # Nova's API also says so of a server that can be restored, as long as its cell does not answer.
    if not (instances and instances[0]["deleted"]) or not (moved or half_done_live(cells, home, server)):
        return None
    row = instances[0]
    names = {"id": server, "name": row["display_name"], "tenant_id": row["project_id"], "user_id": row["user_id"]}
    return {
        **compute.server_view({**names, "status": _DELETED}),
        "host": row["host"],
        "flavor_id": None,
        "image": None,
        "ports": ports.server_ports(conn, server),
        "volumes": {},
        "attachments": {},
        "allocations": observe.allocations(conn, server),
    }


def _last_known(cells: Cells, home: Cell, view: states.CellView, server: str) -> states.CellView:
    """The same with the rows that Nova keeps of a deleted server, where there are no others."""
    if view.instance:
        return view
    instances = cells.database(home).select("instances", uuid=server)
    extras = cells.database(home).select("instance_extra", instance_uuid=server)
    return replace(view, instance=instances[0] if instances else None, extra=extras[0] if extras else None)


def _vifs(server: Document, *views: states.CellView) -> list[Document]:
    """The server's ports as Nova knows them. Of a deleted one, only a copy of its rows may still tell them."""
    known: list[list[Document]] = [json.loads(view.network_info) for view in views]
    return next((vifs for vifs in known if vifs), []) if server["status"] == _DELETED else known[0]


def _kept_ports(cells: Cells, home: Cell, server: str) -> list[str]:
    """The ports that a deleted server has had, as Nova keeps them with the rest of its rows."""
    return sorted({str(row["uuid"]) for row in cells.database(home).select("virtual_interfaces", instance_uuid=server)})


def _migrations(cells: Cells, home: Cell, server: str) -> list[Row]:
    """The server's migrations from the oldest to the newest, those of a deleted server too."""
    # Nova's copy of them has ids that run backwards.
    return sorted(
        cells.database(home).select("migrations", instance_uuid=server),
        key=lambda row: (str(row["created_at"]), int(row["id"] or 0)),
    )


def _moves(cells: Cells, home: Cell, server: str) -> list[Row]:
    """Those of them that go to another cell, and not live."""
    found = _migrations(cells, home, server)
    return [row for row in found if row["cross_cell_move"] and not live.is_live(row)]


def find_place(cells: Cells, server: Document, wish: Wish) -> Place:
    """Find out where a server is, and which of its moves is looked at: the one under way, or else a failed one.

    :param server: as :func:`observe.observe_server` returns it
    :raises NotFoundError: the server or a host is in no cell
    """
    uuid = str(server["id"])
    home = cells.of_server(uuid)
    if wish.job in LIVE_JOBS:
        return _live_place(cells, home, uuid, wish.job)
    moves = _moves(cells, home, uuid)
    failed = [row for row in moves if row["status"] in _FAILED_STATUSES and _chosen_host(cells, row, server)]
    last_failed = None
    if failed and failed[-1] is moves[-1] and _is_ours(cells, home, failed[-1], "none"):
        last_failed = str(failed[-1]["uuid"])
    named = wish.migration or (last_failed if wish.job == "recover" else None)
    migration = next((row for row in reversed(moves) if row["status"] not in states.FINAL_STATUSES), None) or next(
        (row for row in failed if row["uuid"] == named), None
    )
    source = cells.of_host(str(migration["source_compute"])) if migration else home
    return Place(uuid, home, source, migration, last_failed, str(moves[-1]["status"]) if moves else None)


def _live_place(cells: Cells, home: Cell, server: str, job: str) -> Place:
    """The server's live migration that is under way."""
    newest, phase = _newest_live(cells, home, server)
    if newest is None or _live_job(newest) != job:
        return Place(server, home, home, None, None, None, job)
    if phase == "none":
        return Place(server, home, home, None, None, str(newest["status"]), job)
    source = cells.of_host(str(newest["source_compute"]))
    return Place(server, home, source, newest, None, str(newest["status"]), job)


def _newest_live(cells: Cells, home: Cell, server: str) -> tuple[Row | None, str]:
    """The server's newest migration if it is live, and its phase: only the newest of all can be under way."""
    newest = next(iter(_migrations(cells, home, server)[::-1]), None)
    if newest is None or not live.is_live(newest):
        return None, "none"
    return newest, live.phase(states.view(cells.database(home), server, str(newest["uuid"])))


def _live_job(migration: Row) -> str:
    return CROSS_CELL_LIVE if migration["cross_cell_move"] else LIVE


def half_done_live(cells: Cells, home: Cell, server: str) -> Document | None:
    """Which job ends the server's live migration that is under way, and its phase; None where there is none of ours."""
    newest, phase = _newest_live(cells, home, server)
    if newest is None or phase == "none" or not _is_ours(cells, home, newest, phase):
        return None
    return {"job": _live_job(newest), "phase": phase}


def _is_ours(cells: Cells, home: Cell, migration: Row, phase: str) -> bool:
    """Whether what has brought the move to its phase was ours and not Nova's."""
    server, request_id = migration["instance_uuid"], states.request_id_of(phase, str(migration["uuid"]))
    return bool(cells.database(home).select("instance_actions", instance_uuid=server, request_id=request_id))


def _migration_result(cells: Cells, home: Cell, migration: Row | None, phase: str) -> Document | None:
    if migration is None:
        return None
    names = ("uuid", "status", "migration_type", "source_compute", "dest_compute", "dest_node")
    return {
        **{name: migration[name] for name in names},
        "updated_at": str(migration["updated_at"] or migration["created_at"]),
        "created_at": str(migration["created_at"]),
        "ours": _is_ours(cells, home, migration, phase),
    }


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


def _chosen_host(cells: Cells, migration: Row | None, server: Document) -> str | None:
    """The destination of a move: its migration names it, or else the server's claim on it or a binding to it does."""
    if migration is None:
        return None
    if migration["dest_compute"]:
        return str(migration["dest_compute"])
    source = cells.of_host(str(migration["source_compute"]))
    for cell in cells.all():
        for provider in server["allocations"] if cell.id != source.id else ():
            for node in cells.database(cell).select("compute_nodes", uuid=provider, deleted=0):
                return str(node["host"])
    for host in sorted({binding["host"] for port in server["ports"] for binding in port["bindings"]}):
        if cells.api.select("host_mappings", host=host) and cells.of_host(host).id != source.id:
            return str(host)
    return None


def _cell_with_rows(cells: Cells, place: Place) -> Cell | None:
    """The cell into which the rows of the move were copied, if any."""
    if place.live or not place.migration:
        return None
    others = [cell for cell in cells.all() if cell.id != place.source.id]
    return next((cell for cell in others if cells.database(cell).select("migrations", uuid=place.uuid)), None)


def _destination(
    cells: Cells,
    conn: Connection,
    place: Place,
    server: Document,
    wanted: str | None,
    claim: placement.Claim,
    request: candidates.Request,
) -> tuple[Document | None, list[Document]]:
    """The host which the move has, or the operator names, or the first candidate; and the candidates looked at."""
    name = _chosen_host(cells, place.migration, server) or wanted
    if name:
        found = _host(cells, conn, cells.of_host(name), name)
        if place.migration is None:
            found["shortages"] = _shortages(conn, found, claim)
        return found, []
    bound_for = _cell_with_rows(cells, place)
    looked_at = _candidates(cells, conn, [bound_for] if bound_for else _other_cells(cells, place), claim, request)
    first = next((entry for entry in looked_at if entry["refused"] is None), None)
    if first:
        return _host(cells, conn, cells.by_uuid(first["cell"]), first["host"]), looked_at
    if bound_for:
        # None of its hosts can take the server; but the rows in it have to be found, to be taken back.
        nodes = cells.database(bound_for).query("SELECT host FROM compute_nodes WHERE deleted = 0 ORDER BY id LIMIT 1")
        return (_host(cells, conn, bound_for, str(nodes[0]["host"])) if nodes else None), looked_at
    return None, looked_at


def _other_cells(cells: Cells, place: Place) -> list[Cell]:
    """The cells to which the server may go."""
    if place.live == LIVE:
        return [place.home]
    return [cell for cell in cells.all() if cell.id != place.source.id and not cell.disabled]


def _shortages(conn: Connection, host: Document, claim: placement.Claim) -> list[str]:
    asked = placement.Claim(host["provider"], claim.resources, claim.required_traits)
    if placement.candidate(conn, asked):
        return []
    return placement.shortages(asked, placement.provider(conn, host["provider"])) or ["no allocation candidate"]


def _candidates(
    cells: Cells, conn: Connection, others: Sequence[Cell], claim: placement.Claim, request: candidates.Request
) -> list[Document]:
    """Hosts of these cells on which Placement has room, in their order, with the reasons against them.

    It ends with the third that nothing stands against.
    """
    providers = placement.providers_with_room(conn, claim)
    found = [
        (cell, node)
        for cell in others
        for node in (cells.database(cell).query(_NODES_OF_PROVIDERS, (tuple(providers),)) if providers else ())
    ]
    metadata = aggregates.metadata_by_host(cells.api, [str(node["host"]) for _cell, node in found])
    hosts = [
        candidates.Host(name, cell.name, int(node["free_ram_mb"] or 0), metadata.get(name, {}))
        for cell, node in found
        for name in (str(node["host"]),)
    ]
    looked_at: list[Document] = []
    for host in candidates.in_order(hosts, request):
        refused = candidates.refusal(host, request) or candidates.service_refusal(
            compute.compute_service(conn, host.name), request
        )
        weight = candidates.weight(host, request.weight_multiplier)
        looked_at.append({"host": host.name, "cell": host.cell, "weight": weight, "refused": refused})
        if sum(entry["refused"] is None for entry in looked_at) == _CANDIDATES:
            break
    return looked_at


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


def _domain_names(cells: Cells, server: str) -> dict[str, str]:
    """What libvirt calls the guest in each cell that holds it, by the cell's uuid: each has an id of its own for it."""
    found = {}
    for cell in cells.all():
        for row in cells.database(cell).select("instances", uuid=server, deleted=0):
            found[cell.uuid] = f"instance-{int(row['id'] or 0):08x}"
    return found


def find_volumes(
    source: Sequence[Row], target: Sequence[Row], moved: bool, known: Mapping[str, Document | None]
) -> list[Document]:
    """The server's volumes, each with the attachment of either side, as the cells' rows name them.

    :param source: the block device mappings of the source's cell
    :param target: those of the target's
    :param moved: whether the server lives in the target's cell: the source's rows then tell what it had before, so that
        a volume which only they have was detached since
    :param known: Cinder's view of the volumes, by id
    """
    here = {str(row["volume_id"]): row for row in source}
    there = {str(row["volume_id"]): row for row in target}
    found = []
    for volume_id, row in ({**here, **there} if moved else {**there, **here}).items():
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
                "detached": moved and volume_id not in there,
                "volume": known.get(volume_id),
            }
        )
    return found


def live_volumes(found: Sequence[Row], arrived: bool, known: Mapping[str, Document | None]) -> list[Document]:
    """The volumes of a server that is migrated live: their rows name the attachment of the host where it is.

    The other host's is found in Cinder by the name of that host.
    """
    return [
        {
            "volume_id": str(row["volume_id"]),
            "device": row["device_name"],
            "boot_index": row["boot_index"],
            "source_attachment_id": None if arrived else row["attachment_id"],
            "destination_attachment_id": row["attachment_id"] if arrived else None,
            "detached": False,
            "volume": known.get(str(row["volume_id"])),
        }
        for row in found
    ]


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
