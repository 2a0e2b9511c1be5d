# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guarded steps of a move, its confirmation and its rollback, planned as transactions by pure functions.

Each is guarded by the state that the step before has left, and by the name of the run that works on the server.
"""

from __future__ import annotations

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
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import (
    RUN_KEY,
    CellView,
    Move,
    request_id_of,
    seat,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.updates import (
    RUNNING,
    SHUTDOWN,
    flavors_of,
    instance_of,
    migration_of,
    set_extra,
    set_flavors,
    set_instance,
    set_mapping,
    set_migration,
    set_network_info,
    set_volumes,
)

# What a move of Nova's or ours goes through before the instance is VERIFY_RESIZE.
_MOVING = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")
_PREP_SOURCE = "compute_prep_snapshot_based_resize_at_source"
_FINISH_DEST = "compute_finish_snapshot_based_resize_at_dest"


def _request_id(move: Move, source: CellView) -> str:
    """The action under which the move's events are told: ours, or Nova's if Nova has begun the move."""
    return source.request_id(request_id_of("started", move.migration), "resize", "migrate")


def started(move: Move, source: CellView) -> list[Transaction]:
    """Take the server (``nova.compute.api.API.resize``)."""
    instance = instance_of(source)
    resize = move.flavor is not None
    request_id = request_id_of("started", move.migration)
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
                move.taken(),
                # An earlier resize that failed may have left another.
                SetMetadata(move.server, "old_vm_state", str(instance["vm_state"]), move.now),
                SetMetadata(move.server, "image_base_image_ref", str(instance["image_ref"] or ""), move.now),
                action(move.server, request_id, "resize" if resize else "migrate", instance, move.now),
                StartEvent(move.server, request_id, "conductor_migrate_server", move.reporter, move.now),
                StartEvent(move.server, request_id, "cold_migrate", move.reporter, move.now),
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


def resumed(move: Move, phase: str, source: CellView, target: CellView) -> list[Transaction]:
    """Take the place of a run that is dead, or of Nova's conductor, and make the source's states what the phase needs.

    A nova-compute that starts up clears ``resize_prep``; it starts the guest that is in ``resize_migrating``, and, told
    to by ``resume_guests_state_on_host_boot``, one whose power_state is RUNNING
    (``nova.compute.manager.ComputeManager._init_instance``).
    """
    cell = target if seat(phase) == "target" else source
    instance = instance_of(cell)
    needed: dict[str, Value] = {}
    changes: list[Change] = [move.taken(move.previous_run)]
    if phase in ("started", "copied", "prepared"):
        needed = {"task_state": "resize_prep"}
        # While it had none, its owner may have stopped or started it.
        if source.old_vm_state != instance["vm_state"]:
            changes.append(SetMetadata(move.server, "old_vm_state", str(instance["vm_state"]), move.now))
    elif phase in ("stopping", "departed"):
        needed = {"task_state": "resize_migrated", "power_state": SHUTDOWN}
    if phase == "stopping" and source.status != "migrating":
        changes.append(set_migration(move, ("pre-migrating",), status="migrating"))
    if cell.run == move.run and len(changes) == 1 and all(instance[name] == value for name, value in needed.items()):
        return []
    allowed = (None, *_MOVING) if needed else (instance["task_state"],)
    return [Transaction(seat(phase), set_instance(move, {"task_state": allowed}, **needed), tuple(changes))]


def prepared(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Name the destination in both cells (``PrepResizeAtDestTask``, and the claim of nova-compute there)."""
    if not (move.destination and source.migration and target.migration):
        raise ConflictError(
            f"prepare the destination of server {move.server}",
            f"migration {move.migration} is not in both cells, or no destination was given.",
            "Copy the server's rows first (instance_rows), and give move_state the option destination.",
        )
    instance_of(target)
    to = move.destination
    names: dict[str, Value] = {"dest_compute": to.host, "dest_node": to.node, "dest_host": to.ip}
    cur = flavors_of(target)["cur"]
    event = "compute_prep_snapshot_based_resize_at_dest"
    request_id = _request_id(move, source)
    here, there = int(source.migration["id"] or 0), int(target.migration["id"] or 0)
    return [
        Transaction(
            "target",
            set_migration(move, ("pre-migrating",), dest_compute_id=to.compute_id, **names),
            (
                set_flavors(
                    move,
                    target,
                    cur,
                    None,
                    move.flavor or cur,
                    migration_context=objects.migration_context(move.server, there),
                ),
                set_instance(move, {"task_state": ("resize_prep",)}, availability_zone=to.availability_zone),
                SetMetadata(move.server, "old_vm_state", source.old_vm_state, move.now),
                *set_volumes(move, target, "destination", connected=False),
                StartEvent(move.server, request_id, event, to.host, move.now),
                FinishEvent(move.server, request_id, event, move.now),
            ),
        ),
        Transaction(
            "source",
            set_migration(move, ("pre-migrating",), **names),
            (
                move.held(),
                # The API routes Neutron's events to both hosts by this cell-local id.
                set_extra(move, migration_context=objects.migration_context(move.server, here)),
            ),
        ),
    ]


def stopping(move: Move, source: CellView) -> list[Transaction]:
    """Announce that the guest will go (``PrepResizeAtSourceTask``).

    Nova says ``resize_migrating`` until the guest is gone. We say at once what it says then, because a nova-compute
    that starts up in between would start the guest. One that starts up before has cleared ``resize_prep``.
    """
    instance = instance_of(source)
    cur = flavors_of(source)["cur"]
    return [
        Transaction(
            "source",
            set_migration(move, ("pre-migrating",), status="migrating"),
            (
                move.held(),
                set_instance(
                    move,
                    # Without a task_state its owner could have stopped or started it.
                    {"task_state": ("resize_prep", None), "vm_state": (source.old_vm_state,)},
                    task_state="resize_migrated",
                    power_state=SHUTDOWN,
                ),
                SetMetadata(move.server, "old_vm_state", source.old_vm_state, move.now),
                set_flavors(move, source, cur, cur, move.flavor or cur),
                StartEvent(move.server, _request_id(move, source), _PREP_SOURCE, str(instance["host"]), move.now),
            ),
        )
    ]


def departed(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Record that all is handed over to the destination, where the guest may run from now on.

    Nova has this in two steps: the end of ``PrepResizeAtSourceTask`` and the begin of ``FinishResizeAtDestTask``.
    """
    instance_of(source)
    request_id = _request_id(move, source)
    host = str(migration_of(source)["dest_compute"])
    begun = StartEvent(move.server, request_id, _FINISH_DEST, host, move.now)
    return [
        Transaction(
            "target",
            set_instance(move, {"task_state": ("resize_prep",)}, task_state="resize_migrated"),
            (*set_volumes(move, target, "destination", connected=True), begun),
        ),
        Transaction(
            "source",
            set_migration(move, ("migrating",), status="post-migrating"),
            (
                move.held(),
                # A server that its owner has deleted meanwhile, or is deleting, is not started anew.
                set_instance(move, {"task_state": ("resize_migrated",)}, power_state=SHUTDOWN),
                # Empty attachments, which keep the volumes for a revert.
                *set_volumes(move, source, "source", connected=False),
                FinishEvent(move.server, request_id, _PREP_SOURCE, move.now),
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
    image_ref = instance_of(source)["image_ref"]
    instance_of(target)
    migration = migration_of(target)
    before = flavors_of(source)["cur"]
    now_has = flavors_of(target)["new"] or move.flavor or before
    sizes: dict[str, Value] = {}
    api_changes: list[Change] = []
    if objects.flavor_data(now_has)["id"] != objects.flavor_data(before)["id"]:
        sizes = objects.instance_sizes(now_has)
        if request_spec:
            spec = objects.request_spec_with_flavor(request_spec, now_has)
            where: dict[str, Value] = {"instance_uuid": move.server}
            api_changes.append(Update("request_specs", where, {"spec": spec, "updated_at": move.now}))
    request_id = _request_id(move, source)
    return [
        Transaction(
            "target",
            set_instance(
                move,
                {"task_state": (*_MOVING, None)},
                task_state=None,
                vm_state="resized",
                host=migration["dest_compute"],
                node=migration["dest_node"],
                compute_id=migration.get("dest_compute_id"),
                hidden=0,
            ),
            (
                # Nova's own may be finished when its instance is not.
                set_migration(move, ("pre-migrating", "finished"), status="finished"),
                set_instance(
                    move,
                    {"task_state": (None,)},
                    power_state=RUNNING if move.running else SHUTDOWN,
                    launched_at=move.now,
                    image_ref=image_ref,  # while Nova makes the guest, that is the snapshot
                    **sizes,
                ),
                set_flavors(move, target, now_has, before, now_has),
                SetMetadata(move.server, "old_vm_state", source.old_vm_state, move.now),
                *set_volumes(move, target, "destination", connected=True),
                set_network_info(move, target.network_info),
                FinishEvent(move.server, request_id, "", move.now),
            ),
        ),
        Transaction("api", set_mapping(move, cell_ids), tuple(api_changes)),
        Transaction(
            "source",
            Update("instances", {"uuid": move.server, "deleted": 0}, {"hidden": 1, "updated_at": move.now}),
            (
                move.held(),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                *set_volumes(move, source, "source", connected=False),
                FinishEvent(move.server, request_id, "", move.now),
            ),
        ),
    ]


def confirming(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Announce the confirmation in both cells (``ConfirmResizeTask``), where Nova has not done so already.

    The target's instance is guarded too: Nova's revert takes it before it changes the migration's status.
    """
    event = "compute_confirm_snapshot_based_resize_at_source"
    request_id = request_id_of("confirming", move.migration)
    begun = StartEvent(move.server, request_id, event, str(migration_of(target)["source_compute"]), move.now)
    conductor = "conductor_confirm_snapshot_based_resize"
    transactions = []
    if target.status == "finished":
        transactions.append(
            Transaction(
                "target",
                set_migration(move, ("finished",), status="confirming"),
                (
                    set_instance(move, {"task_state": (None,), "vm_state": ("resized",)}),
                    move.taken(),
                    action(move.server, request_id, "confirmResize", instance_of(target), move.now, target.actions),
                    StartEvent(move.server, request_id, conductor, move.reporter, move.now),
                    begun,
                ),
            )
        )
    if source.instance is not None and source.status not in ("confirming", "confirmed"):
        announced = action(move.server, request_id, "confirmResize", instance_of(source), move.now, source.actions)
        transactions.append(
            Transaction(
                "source",
                set_migration(move, ("post-migrating", "finished"), status="confirming"),
                (announced, begun),
            )
        )
    return transactions


def unconfirmed(move: Move, source: CellView, target: CellView) -> list[Transaction]:
    """Take a confirmation back that has deleted nothing, so that the server waits in VERIFY_RESIZE again.

    The cell that keeps the run's name is the last: until then the confirmation can be gone on with, or taken back.
    """
    instance_of(source)  # where its rows are deleted, its disks are
    # Of the two cells' migrations, Nova's API shows the one that was updated last: the target's, as before.
    waits = {"status": "post-migrating", "updated_at": migration_of(source)["updated_at"]}
    request_id = target.request_id(request_id_of("confirming", move.migration), "confirmResize")
    ended = FinishEvent(move.server, request_id, "", move.now, move.error or "taken back")
    return [
        Transaction("source", set_migration(move, ("confirming", "finished"), **waits), (ended,)),
        Transaction(
            "target",
            set_migration(move, ("confirming",), status="finished"),
            (
                set_instance(move, {"task_state": (None,), "vm_state": ("resized",)}),
                move.held(),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                ended,
            ),
        ),
    ]


def confirmed(move: Move, target: CellView) -> list[Transaction]:
    """Make the server an ordinary one of its new cell (the end of ``ConfirmResizeTask``)."""
    instance = instance_of(target)
    cur = flavors_of(target)["cur"]
    vm_state = "stopped" if instance["power_state"] == SHUTDOWN else "active"
    request_id = target.request_id(request_id_of("confirmed", move.migration), "confirmResize")
    return [
        Transaction(
            "target",
            set_instance(move, {"task_state": (None, "deleting", "soft-deleting")}, vm_state=vm_state, task_state=None),
            (
                move.held(),
                # Nova's own may be confirmed when its instance is not.
                set_migration(move, ("confirming", "confirmed"), status="confirmed"),
                set_flavors(move, target, cur, None, None, migration_context=None),
                SetMetadata(move.server, "old_vm_state", None, move.now),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                FinishEvent(move.server, request_id, "", move.now),
            ),
        )
    ]


def aborted(move: Move, source: CellView) -> list[Transaction]:
    """Give the server back as it was before the move, with a fault that tells why it did not go.

    Of a server that its owner has deleted meanwhile there is only the migration to end.
    """
    ended = set_migration(move, ("pre-migrating", "migrating", "post-migrating"), status="error")
    if source.instance is None:
        return [Transaction("source", ended)]
    cur = flavors_of(source)["cur"]
    found = str(source.instance["vm_state"])
    vm_state = found if found in ("active", "stopped") else source.old_vm_state
    return [
        Transaction(
            "source",
            ended,
            (
                move.held(),
                set_instance(
                    move,
                    {"task_state": (*_MOVING, None)},  # a nova-compute that was restarted meanwhile has cleared it
                    task_state=None,
                    vm_state=vm_state,
                    power_state=RUNNING if vm_state == "active" else SHUTDOWN,
                    hidden=0,
                ),
                set_flavors(move, source, cur, None, None, migration_context=None),
                SetMetadata(move.server, "old_vm_state", None, move.now),
                SetMetadata(move.server, RUN_KEY, None, move.now),
                *set_volumes(move, source, "source", connected=True),
                Insert(
                    "instance_faults",
                    {
                        "created_at": move.now,
                        "instance_uuid": move.server,
                        "code": 500,
                        "message": move.error[:255],
                        "details": move.error,
                        "host": source.instance["host"],
                        "deleted": 0,
                    },
                ),
                FinishEvent(move.server, _request_id(move, source), "", move.now, move.error or "aborted"),
            ),
        )
    ]
