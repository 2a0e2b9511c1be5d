# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guarded steps that bring a server back from VERIFY_RESIZE, planned as transactions by pure functions.

Nova's revert (``nova.conductor.tasks.cross_cell_migrate.RevertResizeTask``) loses what has happened to the server
meanwhile: all actions but its own, a new name, a lock, another volume in the place of one. Here they come along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    Change,
    CopyAction,
    FinishEvent,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    Update,
    action,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import (
    RUN_KEY,
    CellView,
    Move,
    request_id_of,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.updates import (
    RUNNING,
    SHUTDOWN,
    attachment,
    flavors_of,
    instance_of,
    migration_of,
    set_flavors,
    set_instance,
    set_mapping,
    set_migration,
    set_network_info,
    set_volumes,
)

# What its owner can change of a server in VERIFY_RESIZE, beside its volumes.
_KEPT = ("display_name", "display_description", "hostname", "access_ip_v4", "access_ip_v6", "locked", "locked_by")
# Of a block device mapping, what is each cell's own.
_OWN = ("id", "created_at", "updated_at", "attachment_id", "connection_info")
_REVERTING = {"task_state": ("resize_reverting",)}
_CONDUCTOR = "conductor_revert_snapshot_based_resize"
_AT_DEST = "compute_revert_snapshot_based_resize_at_dest"
_AT_SOURCE = "compute_finish_revert_snapshot_based_resize_at_source"


def _request_id(move: Move, cell: CellView) -> str:
    """The action under which the revert's events are told: ours, or Nova's if Nova has begun it."""
    return cell.request_id(request_id_of("reverting", move.migration), "revertResize")


def reverting(move: Move, source: CellView, target: CellView, request_spec: str | None) -> list[Transaction]:
    """Take the server at its destination (``nova.compute.api.API.revert_resize``).

    A nova-compute that starts up with ``resume_guests_state_on_host_boot`` starts a guest whose power_state is RUNNING.

    :param request_spec: ``request_specs.spec``, to be rewritten for the old flavor
    """
    here, there, migration = instance_of(source), instance_of(target), migration_of(target)
    begun: list[Change] = []
    if target.task_state is None:  # otherwise Nova has begun it, with an action of its own
        request_id = request_id_of("reverting", move.migration)
        begun = [
            action(move.server, request_id, "revertResize", there, move.now, target.actions),
            StartEvent(move.server, request_id, _CONDUCTOR, move.reporter, move.now),
            StartEvent(move.server, request_id, _AT_DEST, str(migration["dest_compute"]), move.now),
        ]
    transactions = [
        Transaction(
            "target",
            set_instance(
                move,
                {"task_state": (None,) if begun else ("resize_reverting",), "vm_state": ("resized",)},
                task_state="resize_reverting",
                power_state=SHUTDOWN,
                availability_zone=move.availability_zone or here["availability_zone"],
            ),
            (set_migration(move, ("finished", "reverting"), status="reverting"), *begun),
        )
    ]
    if request_spec:
        context = str((source.extra or {}).get("migration_context") or "")
        spec = objects.request_spec_of("old", request_spec, flavors_of(source)["cur"], context)
        transactions += _set_request_spec(move, request_spec, spec)
    transactions.append(
        Transaction(
            "source",
            set_migration(move, ("post-migrating", "reverting"), status="reverting"),
            (
                move.taken(),
                set_instance(
                    move,
                    {"task_state": ("resize_migrated", "resize_reverting")},
                    task_state="resize_reverting",
                    power_state=SHUTDOWN,
                ),
                SetMetadata(move.server, "old_vm_state", target.old_vm_state, move.now),
            ),
        )
    )
    return transactions


def _set_request_spec(move: Move, before: str, after: str) -> list[Transaction]:
    where: dict[str, Value] = {"instance_uuid": move.server}
    update = Update("request_specs", where, {"spec": after, "updated_at": move.now})
    return [Transaction("api", update)] if after != before else []


def unreverted(move: Move, source: CellView, target: CellView, request_spec: str | None) -> list[Transaction]:
    """Take a revert back whose guest is at its destination as before, so that it waits in VERIFY_RESIZE again.

    The cell that keeps the run's name is the last: until then the revert can be gone on with, or taken back. What a
    return that was cut short has brought to the source stays there, hidden: the next one brings it again.

    :param request_spec: ``request_specs.spec``, to be rewritten for the new flavor
    """
    instance_of(source)
    instance_of(target)
    request_id = _request_id(move, target)
    ended = FinishEvent(move.server, request_id, "", move.now, move.error or "taken back")
    zone: dict[str, Value] = {"availability_zone": move.availability_zone} if move.availability_zone else {}
    transactions = []
    if source.status == "post-migrating":  # Nova's own, or one that was cut short, before it was announced here
        announced = set_migration(move, ("post-migrating",), status="reverting")
        transactions.append(Transaction("source", announced, (move.held(),)))
    transactions.append(
        Transaction(
            "target",
            set_instance(
                move,
                {**_REVERTING, "vm_state": ("resized",)},
                task_state=None,
                power_state=RUNNING if move.running else SHUTDOWN,
                **zone,
            ),
            (
                # Nova's own may be reverting when its migration is not.
                set_migration(move, ("reverting", "finished"), status="finished"),
                *set_volumes(move, target, "destination", connected=True),
                set_network_info(move, target.network_info),
                ended,
            ),
        )
    )
    if request_spec:
        context = str((target.extra or {}).get("migration_context") or "")
        spec = objects.request_spec_of("new", request_spec, flavors_of(target)["cur"], context)
        transactions += _set_request_spec(move, request_spec, spec)
    transactions.append(
        Transaction(
            "source",
            # Of the two cells' migrations, Nova's API shows the one that was updated last: the target's, as before.
            set_migration(move, ("reverting",), status="post-migrating", updated_at=migration_of(source)["updated_at"]),
            (
                set_instance(
                    move,
                    {"task_state": ("resize_reverting", "resize_migrated")},
                    task_state="resize_migrated",
                    hidden=1,
                ),
                move.held(),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                *set_volumes(move, source, "source", connected=False),
                ended,
            ),
            repeatable=True,  # its marker is there too while the revert is not announced here
        )
    )
    return transactions


def returned(
    move: Move,
    source: CellView,
    target: CellView,
    cell_ids: tuple[int, int],
    events: Mapping[Value, Sequence[Row]],
) -> list[Transaction]:
    """Flip the server back to its old cell, in Nova's order, with what has changed meanwhile.

    The first transaction is made whether or not it seems to have been: Nova's own may have been cut short in its midst.

    :param cell_ids: ``cell_mappings.id`` of source and target
    :param events: of the target's actions, by the action's id
    """
    instance, there = instance_of(source), instance_of(target)
    request_id = _request_id(move, target)
    kept = {name: there[name] for name in _KEPT if name in there and name in instance}
    return [
        Transaction(
            "source",
            set_instance(move, _REVERTING, hidden=0, **kept),
            (
                move.held(),
                *_sync_volumes(move, source, target),
                set_network_info(move, target.network_info),
                *_newer_actions(source, target, events),
                FinishEvent(move.server, request_id, _AT_DEST, move.now),
                StartEvent(move.server, request_id, _AT_SOURCE, str(instance["host"]), move.now),
            ),
            repeatable=True,
        ),
        Transaction("api", set_mapping(move, (cell_ids[1], cell_ids[0]))),
        Transaction("target", set_instance(move, _REVERTING, hidden=1)),
    ]


def _sync_volumes(move: Move, source: CellView, target: CellView) -> list[Change]:
    """The source's block device mappings as the target's, each with the attachment that the source has."""
    here = {row["uuid"]: row for row in source.volumes}
    changes: list[Change] = []
    for row in target.volumes:
        own = attachment(move, row["volume_id"], "source", connected=True)
        values = {name: value for name, value in row.items() if name not in _OWN}
        known = here.pop(row["uuid"], None)
        if known is not None:
            new = {name: value for name, value in values.items() if name in known and known[name] != value}
            if new or own:
                changes.append(
                    Update("block_device_mapping", {"uuid": row["uuid"]}, {**new, **own, "updated_at": move.now})
                )
        elif own:
            changes.append(Insert("block_device_mapping", {**values, **own, "created_at": move.now}))
        else:
            raise ConflictError(
                f"bring server {move.server} back to its old cell",
                f"volume {row['volume_id']} was attached meanwhile, and has no attachment for its old host.",
                "Give move_state what volume_attachments returned, as its option volumes.",
            )
    return [*changes, *(_softly_deleted(move, row) for row in here.values())]


def _softly_deleted(move: Move, row: Row) -> Update:
    """The mapping of a volume that was detached meanwhile, as Nova deletes it."""
    return Update("block_device_mapping", {"uuid": row["uuid"]}, {"deleted": row["id"], "deleted_at": move.now})


def _newer_actions(source: CellView, target: CellView, events: Mapping[Value, Sequence[Row]]) -> list[Change]:
    known = {(row["request_id"], row["action"]) for row in source.actions}
    return [
        CopyAction(row, tuple(events[row["id"]]))
        for row in target.actions
        if (row["request_id"], row["action"]) not in known
    ]


def reverted(move: Move, source: CellView) -> list[Transaction]:
    """Make the server an ordinary one of its old cell again (``finish_revert_snapshot_based_resize_at_source``)."""
    instance_of(source)
    cur = flavors_of(source)["cur"]
    stopped = source.old_vm_state == "stopped"
    return [
        Transaction(
            "source",
            set_migration(move, ("reverting",), status="reverted"),
            (
                move.held(),
                set_instance(
                    move,
                    _REVERTING,
                    task_state=None,
                    vm_state="stopped" if stopped else "active",
                    power_state=SHUTDOWN if stopped else RUNNING,
                    launched_at=move.now,
                ),
                set_flavors(move, source, cur, None, None, migration_context=None),
                SetMetadata(move.server, "old_vm_state", None, move.now),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                *set_volumes(move, source, "source", connected=True),
                set_network_info(move, source.network_info),
                FinishEvent(move.server, _request_id(move, source), "", move.now),
            ),
        )
    ]
