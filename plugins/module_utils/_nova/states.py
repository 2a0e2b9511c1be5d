# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases of a cross-cell move, as the databases tell them, and the guarded steps between them.

Nova's task_state keeps the API (409 to every user action) and nova-compute's periodic tasks away
while a move is under way; its migration status tells operators how far it is. Each step here is
planned by a pure function as one transaction for each database, and is guarded by the state that
the step before has left: of two runs for one server, one finds a row that is not as it expects.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    Change,
    FinishEvent,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    Update,
    action,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import (
    Database,
    Row,
    Value,
)

# In the order in which a move passes through them.
PHASES = (
    "none",
    "started",  # task_state taken, migration row there
    "copied",  # hidden rows in the target cell
    "prepared",  # destination known to both cells; ports and volumes reserved for it
    "stopping",  # the source guest may be stopped from here on
    "departed",  # the guest is off and undefined, its disks are uploaded
    "finished",  # runs at the destination, the mapping points there: VERIFY_RESIZE
    "confirming",
    "confirmed",
)
# What nova-compute and the API count as a migration that is over (nova.objects.migration).
FINAL_STATUSES = ("confirmed", "reverted", "error", "failed", "completed", "cancelled", "done")

# What a cross-cell move passes through; a revert, for one, is somebody else's work.
_KNOWN_STATUSES = {"pre-migrating", "migrating", "post-migrating", "finished", "confirming"}
_OURS = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")
_RUNNING, _SHUTDOWN = 1, 4  # nova.compute.power_state


@dataclass(frozen=True)
class CellView:
    """What one cell's database says of a server and of the move named by a migration uuid."""

    instance: Row | None
    extra: Row | None
    migration: Row | None
    metadata: Mapping[str, str]
    volumes: Sequence[Row]
    network_info: str

    @property
    def old_vm_state(self) -> str:
        """The vm_state before the move."""
        current = str(self.instance["vm_state"]) if self.instance else ""
        return self.metadata.get("old_vm_state") or current


@dataclass(frozen=True)
class Destination:
    """The compute node that takes the server, as the target cell's database names it."""

    host: str
    node: str
    compute_id: int
    ip: str
    availability_zone: str | None


@dataclass(frozen=True)
class Move:
    """One server's move: all that the planners need to know beside the rows."""

    server: str
    migration: str  # uuid
    now: str  # UTC, as MySQL writes it
    reporter: str  # the host named in conductor-level events: where the collection runs
    destination: Destination | None = None
    flavor: objects.Document | None = None  # the new one of a resize; None is a cold migration
    flavor_id: int | None = None  # its flavors.id
    # by volume id: what module volume_attachments returned for it
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bindings: Sequence[Mapping[str, Any]] = ()
    running: bool = True
    error: str = ""

    @property
    def request_id(self) -> str:
        """The request id of the move's action."""
        return request_id(self.migration)

    @property
    def confirm_request_id(self) -> str:
        """The request id of the confirmation's action: always the same one for one move."""
        return f"req-{uuid.uuid5(uuid.UUID(self.migration), 'confirmResize')}"


def request_id(migration: str) -> str:
    """The request id by which the action of a move of ours is known from Nova's."""
    return f"req-{migration}"


def view(database: Database, server: str, migration: str) -> CellView:
    """Read what a cell says of a server and its move.

    :param server: uuid of the instance
    :param migration: uuid of the migration
    """
    instances = database.select("instances", uuid=server, deleted=0)
    extras = database.select("instance_extra", instance_uuid=server, deleted=0)
    migrations = database.select("migrations", uuid=migration) if migration else []
    metadata = database.select("instance_system_metadata", instance_uuid=server, deleted=0)
    volumes = database.select("block_device_mapping", instance_uuid=server, deleted=0, destination_type="volume")
    caches = database.select("instance_info_caches", instance_uuid=server, deleted=0)
    return CellView(
        instance=instances[0] if instances else None,
        extra=extras[0] if extras else None,
        migration=migrations[0] if migrations else None,
        metadata={str(row["key"]): str(row["value"]) for row in metadata},
        volumes=volumes,
        network_info=str(caches[0]["network_info"] or "[]") if caches else "[]",
    )


def phase(source: CellView, target: CellView, mapped_to_target: bool) -> str:
    """How far the move has come; derived from the rows, remembered by nobody.

    ``foreign`` means that somebody else works on it, such as Nova reverting it.
    A flip that was cut short between two databases still counts as ``departed``: the step that
    makes it is run again, and does what is missing.
    """
    statuses = {cell.migration["status"] for cell in (source, target) if cell.migration}
    if statuses - set(FINAL_STATUSES) - _KNOWN_STATUSES:
        return "foreign"
    target_status = target.migration["status"] if target.migration else None
    if target_status in ("confirmed", "confirming"):
        return str(target_status)
    if source.migration is None:
        return "none"
    if mapped_to_target:
        hidden = source.instance is None or bool(source.instance["hidden"])
        if target_status != "finished":
            return "foreign"
        return "finished" if hidden else "departed"
    status = source.migration["status"]
    if status in FINAL_STATUSES:
        return "none"
    if status == "post-migrating":
        return "departed"
    if status == "migrating":
        return "stopping"
    if target.instance is None or target.migration is None:
        return "started"
    return "prepared" if source.migration["dest_compute"] else "copied"


def _instance(cell: CellView) -> Row:
    if cell.instance is None or cell.extra is None:
        raise ConflictError(
            "plan the next step of a move",
            "the instance is not there any more.",
            "Look with server_move_info.",
        )
    return cell.instance


def _flavors(cell: CellView) -> objects.Document:
    return objects.stored_flavors(str(cell.extra["flavor"] if cell.extra else ""))


def _set_flavors(
    move: Move,
    cell: CellView,
    cur: objects.Document,
    old: objects.Document | None,
    new: objects.Document | None,
    **others: Value,
) -> Update:
    text = objects.with_flavors(str(cell.extra["flavor"] if cell.extra else ""), cur, old, new)
    return Update(
        "instance_extra",
        {"instance_uuid": move.server, "deleted": 0},
        {"flavor": text, "updated_at": move.now, **others},
    )


def _instance_update(move: Move, expect: Sequence[Value], **values: Value) -> Update:
    return Update(
        "instances",
        {"uuid": move.server, "deleted": 0},
        {**values, "updated_at": move.now},
        {"task_state": expect},
    )


def _migration_update(move: Move, expect: Sequence[Value], **values: Value) -> Update:
    return Update(
        "migrations",
        {"uuid": move.migration},
        {**values, "updated_at": move.now},
        {"status": expect},
    )


def _volume_updates(move: Move, cell: CellView, side: str, connected: bool) -> list[Change]:
    """The attachments of one side, ``source`` or ``destination``, in that side's cell."""
    changes: list[Change] = []
    for row in cell.volumes:
        volume = move.volumes.get(str(row["volume_id"]))
        if volume is None or not volume.get(f"{side}_attachment_id"):
            continue
        values: dict[str, Value] = {
            "attachment_id": str(volume[f"{side}_attachment_id"]),
            "updated_at": move.now,
        }
        if connected and volume.get("connection_info"):
            values["connection_info"] = json.dumps(volume["connection_info"])
        changes.append(Update("block_device_mapping", {"uuid": row["uuid"]}, values))
    return changes


def started(move: Move, source: CellView) -> list[Transaction]:
    """Take the server (``nova.compute.api.API.resize``)."""
    instance = _instance(source)
    resize = move.flavor is not None
    return [
        Transaction(
            "source",
            Update(
                "instances",
                {"uuid": move.server, "deleted": 0},
                {"task_state": "resize_prep", "progress": 0, "updated_at": move.now},
                {
                    "task_state": (None,),
                    "vm_state": ("active", "stopped"),
                    "locked": (None, 0),
                    "hidden": (None, 0),
                },
            ),
            (
                # An earlier resize that failed may have left another.
                SetMetadata(move.server, "old_vm_state", str(instance["vm_state"]), move.now),
                SetMetadata(move.server, "image_base_image_ref", str(instance["image_ref"] or ""), move.now),
                action(
                    move.server,
                    move.request_id,
                    "resize" if resize else "migrate",
                    instance,
                    move.now,
                ),
                StartEvent(
                    move.server,
                    move.request_id,
                    "conductor_migrate_server",
                    move.reporter,
                    move.now,
                ),
                StartEvent(move.server, move.request_id, "cold_migrate", move.reporter, move.now),
                Insert(
                    "migrations",
                    {
                        "created_at": move.now,
                        "deleted": 0,
                        "uuid": move.migration,
                        "instance_uuid": move.server,
                        "status": "pre-migrating",
                        "migration_type": "resize" if resize else "migration",
                        "source_compute": instance["host"],
                        "source_node": instance["node"],
                        "old_instance_type_id": instance["instance_type_id"],
                        "new_instance_type_id": move.flavor_id if resize else instance["instance_type_id"],
                        "cross_cell_move": 1,
                        "hidden": 0,
                        "user_id": instance["user_id"],
                        "project_id": instance["project_id"],
                    },
                ),
            ),
        )
    ]


def prepared(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Name the destination in both cells (``PrepResizeAtDestTask``, and the claim of nova-compute there)."""
    if not (move.destination and source.migration and target.migration):
        raise ConflictError(
            f"prepare the destination of server {move.server}",
            f"migration {move.migration} is not in both cells, or no destination was given.",
            "Copy the server's rows first (instance_rows), and give move_state the option destination.",
        )
    _instance(target)
    to = move.destination
    names: dict[str, Value] = {"dest_compute": to.host, "dest_node": to.node, "dest_host": to.ip}
    cur = _flavors(target)["cur"]
    event = "compute_prep_snapshot_based_resize_at_dest"
    here, there = int(source.migration["id"] or 0), int(target.migration["id"] or 0)
    return [
        Transaction(
            "target",
            _migration_update(move, ("pre-migrating",), dest_compute_id=to.compute_id, **names),
            (
                _set_flavors(
                    move,
                    target,
                    cur,
                    None,
                    move.flavor or cur,
                    migration_context=objects.migration_context(move.server, there),
                ),
                _instance_update(move, ("resize_prep",), availability_zone=to.availability_zone),
                SetMetadata(move.server, "old_vm_state", source.old_vm_state, move.now),
                *_volume_updates(move, target, "destination", connected=False),
                StartEvent(move.server, move.request_id, event, to.host, move.now),
                FinishEvent(move.server, move.request_id, event, move.now),
            ),
        ),
        Transaction(
            "source",
            _migration_update(move, ("pre-migrating",), **names),
            (
                Update(
                    "instance_extra",
                    {"instance_uuid": move.server, "deleted": 0},
                    # The API routes Neutron's events to both hosts by this cell-local id.
                    {"migration_context": objects.migration_context(move.server, here)},
                ),
            ),
        ),
    ]


def stopping(move: Move, source: CellView) -> list[Transaction]:
    """Announce that the guest will go (``PrepResizeAtSourceTask``)."""
    instance = _instance(source)
    cur = _flavors(source)["cur"]
    event = "compute_prep_snapshot_based_resize_at_source"
    return [
        Transaction(
            "source",
            _migration_update(move, ("pre-migrating",), status="migrating"),
            (
                _instance_update(move, ("resize_prep",), task_state="resize_migrating"),
                SetMetadata(move.server, "old_vm_state", str(instance["vm_state"]), move.now),
                _set_flavors(move, source, cur, cur, move.flavor or cur),
                StartEvent(move.server, move.request_id, event, str(instance["host"]), move.now),
            ),
        )
    ]


def departed(move: Move, source: CellView) -> list[Transaction]:
    """Record that the guest has left its host, and its disks are uploaded (the end of ``PrepResizeAtSourceTask``)."""
    _instance(source)
    ended = FinishEvent(move.server, move.request_id, "compute_prep_snapshot_based_resize_at_source", move.now)
    event = "compute_finish_snapshot_based_resize_at_dest"
    host = str(source.migration["dest_compute"]) if source.migration else ""
    begun = StartEvent(move.server, move.request_id, event, host, move.now)
    return [
        Transaction(
            "target",
            _instance_update(move, ("resize_prep",), task_state="resize_migrated"),
            (begun,),
        ),
        Transaction(
            "source",
            _migration_update(move, ("migrating",), status="post-migrating"),
            (
                _instance_update(
                    move,
                    ("resize_migrating",),
                    task_state="resize_migrated",
                    power_state=_SHUTDOWN,
                ),
                ended,
                begun,
            ),
        ),
    ]


def finished(
    move: Move,
    source: CellView,
    target: CellView,
    cell_ids: tuple[int, int],
    request_spec: str | None,
) -> list[Transaction]:
    """Flip the server to its new cell (``FinishResizeAtDestTask``), in Nova's order.

    :param cell_ids: ``cell_mappings.id`` of source and target
    :param request_spec: ``request_specs.spec``, to be rewritten for the new flavor
    """
    if not target.migration:
        raise ConflictError(
            f"finish the move of server {move.server}",
            f"the target cell has no migration {move.migration}.",
            "Look with server_move_info in which cell its rows are; instance_rows copies them.",
        )
    _instance(target)
    before = _flavors(target)["cur"]
    now_has = move.flavor or before
    flavor = objects.flavor_data(now_has)
    sizes: dict[str, Value] = {}
    if move.flavor:
        sizes = {
            "instance_type_id": move.flavor_id,
            **{name: flavor[name] for name in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")},
        }
    api_changes: list[Change] = []
    if move.flavor and request_spec:
        api_changes.append(
            Update(
                "request_specs",
                {"instance_uuid": move.server},
                {
                    "spec": objects.request_spec_with_flavor(request_spec, now_has),
                    "updated_at": move.now,
                },
            )
        )
    return [
        Transaction(
            "target",
            _migration_update(move, ("pre-migrating",), status="finished"),
            (
                _instance_update(
                    move,
                    ("resize_migrated",),
                    task_state=None,
                    vm_state="resized",
                    power_state=_RUNNING if move.running else _SHUTDOWN,
                    launched_at=move.now,
                    host=target.migration["dest_compute"],
                    node=target.migration["dest_node"],
                    compute_id=target.migration.get("dest_compute_id"),
                    hidden=0,
                    **sizes,
                ),
                _set_flavors(move, target, now_has, before, move.flavor or before),
                *_volume_updates(move, target, "destination", connected=True),
                Update(
                    "instance_info_caches",
                    {"instance_uuid": move.server, "deleted": 0},
                    {
                        "network_info": objects.bound_network_info(target.network_info, move.bindings),
                        "updated_at": move.now,
                    },
                ),
                FinishEvent(move.server, move.request_id, "", move.now),
            ),
        ),
        Transaction(
            "api",
            Update(
                "instance_mappings",
                {"instance_uuid": move.server},
                {"cell_id": cell_ids[1], "updated_at": move.now},
                {"cell_id": (cell_ids[0],)},
            ),
            tuple(api_changes),
        ),
        Transaction(
            "source",
            Update(
                "instances",
                {"uuid": move.server, "deleted": 0},
                {"hidden": 1, "updated_at": move.now},
            ),
            (
                # Empty attachments, which keep the volumes for Nova's revert.
                *_volume_updates(move, source, "source", connected=False),
                FinishEvent(move.server, move.request_id, "", move.now),
            ),
        ),
    ]


def confirming(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Announce the confirmation in both cells (``ConfirmResizeTask``).

    The target's instance is guarded too: Nova's revert takes it before it changes the migration's status.
    """
    event = "compute_confirm_snapshot_based_resize_at_source"
    action_id = move.confirm_request_id
    host = str(target.migration["source_compute"]) if target.migration else ""
    begun = StartEvent(move.server, action_id, event, host, move.now)
    conductor = "conductor_confirm_snapshot_based_resize"
    transactions = [
        Transaction(
            "target",
            _migration_update(move, ("finished",), status="confirming"),
            (
                Update(
                    "instances",
                    {"uuid": move.server, "deleted": 0},
                    {"updated_at": move.now},
                    {"vm_state": ("resized",), "task_state": (None,)},
                ),
                action(move.server, action_id, "confirmResize", _instance(target), move.now),
                StartEvent(move.server, action_id, conductor, move.reporter, move.now),
                begun,
            ),
        )
    ]
    if source.instance is not None:
        transactions.append(
            Transaction(
                "source",
                _migration_update(move, ("post-migrating", "finished", "confirming"), status="confirming"),
                (action(move.server, action_id, "confirmResize", _instance(source), move.now), begun),
            )
        )
    return transactions


def confirmed(move: Move, target: CellView) -> list[Transaction]:
    """Make the server an ordinary one of its new cell (the end of ``ConfirmResizeTask``)."""
    instance = _instance(target)
    cur = _flavors(target)["cur"]
    vm_state = "stopped" if instance["power_state"] == _SHUTDOWN else "active"
    return [
        Transaction(
            "target",
            _migration_update(move, ("confirming",), status="confirmed"),
            (
                _instance_update(
                    move,
                    (None, "deleting", "soft-deleting"),
                    vm_state=vm_state,
                    task_state=None,
                ),
                _set_flavors(move, target, cur, None, None, migration_context=None),
                SetMetadata(move.server, "old_vm_state", None, move.now),
                FinishEvent(move.server, move.confirm_request_id, "", move.now),
            ),
        )
    ]


def aborted(move: Move, source: CellView) -> list[Transaction]:
    """Give the server back as it was before the move, with a fault that tells why it did not go."""
    instance = _instance(source)
    cur = _flavors(source)["cur"]
    return [
        Transaction(
            "source",
            _migration_update(move, ("pre-migrating", "migrating", "post-migrating"), status="error"),
            (
                _instance_update(
                    move,
                    (*_OURS, None),  # a nova-compute that was restarted meanwhile has cleared it
                    task_state=None,
                    vm_state=source.old_vm_state,
                    power_state=_RUNNING if source.old_vm_state == "active" else _SHUTDOWN,
                    hidden=0,
                ),
                _set_flavors(move, source, cur, None, None, migration_context=None),
                SetMetadata(move.server, "old_vm_state", None, move.now),
                *_volume_updates(move, source, "source", connected=True),
                Insert(
                    "instance_faults",
                    {
                        "created_at": move.now,
                        "instance_uuid": move.server,
                        "code": 500,
                        "message": move.error[:255],
                        "details": move.error,
                        "host": instance["host"],
                        "deleted": 0,
                    },
                ),
                FinishEvent(move.server, move.request_id, "", move.now, move.error or "aborted"),
            ),
        )
    ]
