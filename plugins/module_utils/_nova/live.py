# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live migration within a cell, as Nova's rows tell it: its phases, and its steps as guarded transactions.

From the phase ``running`` on, the rows don't know where the guest is: a migration outlives whoever has begun it. Then
only libvirt on both hosts does, and they are asked. Until the guest has arrived the rows are true for the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    Change,
    Delete,
    FinishEvent,
    Hold,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    action,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import (
    FINAL_STATUSES,
    RUN_KEY,
    CellView,
    Destination,
    Move,
    request_id,
    view,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.steps import Step
from ansible_collections.stackmove.nova.plugins.module_utils._nova.updates import (
    PAUSED,
    RUNNING,
    instance_of,
    migration_of,
    set_instance,
    set_migration,
    set_network_info,
    set_volumes,
)

MIGRATION_TYPE = "live-migration"
# In the order in which a migration passes through them.
PHASES = (
    "none",
    "preparing",  # task_state taken, migration row there, both hosts known; the guest is at its source
    "running",  # the guest may be at the destination from here on
    "arrived",  # it is at the destination, and the rows say so; the source is still to be cleaned
)
# What module live_migration_state can bring about, and the phases from which each starts; none where that is any.
STATES: dict[str, tuple[str, ...]] = {
    "preparing": ("none",),
    "running": ("preparing",),
    "arrived": ("running",),
    "completed": ("arrived",),
    "resumed": (),
    "aborted": ("preparing", "running"),
}
# The migration's status in each phase. Nova's source host activates the destination's bindings while the guest is
# paused if it finds just ``running`` (``ComputeManager.handle_lifecycle_event``). A nova-compute that starts up aborts
# the job of one that is ``running``, and at the destination there is none (``_reset_live_migration``).
_STATUS = {"preparing": "preparing", "running": "running", "arrived": "post-migrating"}
_BEFORE_RUNNING = ("accepted", "queued", "preparing")
_POST_COPY = "running (post-copy)"
# A nova-compute that starts up at the source leaves an error.
_ON_ITS_WAY = (*_BEFORE_RUNNING, "running", _POST_COPY, "post-migrating", "error")
# One that starts up at either host takes the task_state away.
_TASK_STATES = ("migrating", None)
_CONDUCTOR = "conductor_live_migrate_instance"
_PREPARE = "compute_pre_live_migration"
_MIGRATE = "compute_live_migration"
_FINISH = "compute_post_live_migration_at_destination"


@dataclass(frozen=True)
class Found:
    """Where a live migration is, by Nova's rows."""

    cell: str
    here: CellView
    deleted: bool  # its owner has deleted the server, or is about to

    @property
    def phase(self) -> str:
        """One of :data:`PHASES`."""
        return phase(self.here)


def phase(found: CellView) -> str:
    """How far the migration has come. One that has ended is not over while a run's name is left with the server."""
    if found.migration is None or (found.status in FINAL_STATUSES and not found.run):
        return "none"
    if found.instance is not None and found.instance["host"] == found.migration["dest_compute"]:
        return "arrived"
    return "preparing" if found.status in _BEFORE_RUNNING else "running"


def where(cells: Cells, server: str, migration: str) -> Found:
    """Read where a live migration is."""
    home = cells.of_server(server)
    mapping = cells.api.one("instance_mappings", instance_uuid=server)
    return Found(home.name, view(cells.database(home), server, migration), bool(mapping["queued_for_delete"]))


def plan(cells: Cells, move: Move, state: str) -> Step:
    """Decide what is to be done so that the migration is in *state*; nothing, if it is there or further.

    :raises ConflictError: it is not where this step starts from, or another run works on the server
    """
    found = where(cells, move.server, move.migration)
    home = cells.database(cells.of_server(move.server))
    after = {"resumed": found.phase, "aborted": "none", "completed": "none"}.get(state, state)
    return Step(found.phase, after, [(home, transaction) for transaction in transactions(found, move, state)])


def transactions(found: Found, move: Move, state: str) -> list[Transaction]:
    """The transactions that are still to be made for *state*; see :func:`plan`."""
    before = found.phase
    if before == "none" and state != "preparing":
        return _over(found, move, state)
    if before == "none" and found.here.migration is not None:
        raise _refused(move, state, f"it is {found.here.status} already.", "Plan again: each has a uuid of its own.")
    _check_run(found, move, state)
    if state in PHASES and PHASES.index(before) >= PHASES.index(state):
        return []
    if STATES[state] and before not in STATES[state]:
        raise _refused(move, state, f"it is {before!r}, and must be {' or '.join(map(repr, STATES[state]))}.")
    if state in ("preparing", "running") and found.deleted:
        raise _refused(move, state, "its owner has deleted the server.", "Take the migration back.")
    planners: dict[str, Callable[[Move, CellView], list[Transaction]]] = {
        "preparing": preparing,
        "running": running,
        "arrived": arrived,
        "completed": completed,
        "resumed": resumed,
        "aborted": aborted,
    }
    return planners[state](move, found.here)


def _over(found: Found, move: Move, state: str) -> list[Transaction]:
    """There is nothing left to do for one that has ended that way, or was never begun and is to be taken back."""
    ends = {"completed": ("completed",), "aborted": ("", "failed", "cancelled", "error")}
    if state == "resumed" or found.here.status in ends.get(state, ()):
        return []
    raise _refused(move, state, f"it is {found.here.status or 'not begun'}.")


def _check_run(found: Found, move: Move, state: str) -> None:
    """Of two runs, the one that does not hold the server ends here, whether or not there is anything left to do."""
    if found.here.instance is None:
        return
    previous = {"preparing": ("",), "resumed": (move.previous_run,)}.get(state, ())
    Hold(move.server, move.run, move.now, previous).check(found.here.run)


def _refused(
    move: Move,
    state: str,
    cause: str,
    remedy: str = "Run the playbook again from its start: it goes on from where the migration is.",
) -> ConflictError:
    return ConflictError(
        f"bring the live migration {move.migration} of server {move.server} to {state!r}", cause, remedy
    )


def _destination(move: Move) -> Destination:
    if move.destination is None:
        raise ConflictError(
            f"migrate server {move.server}", "no destination was given.", "Set the module's option destination."
        )
    return move.destination


def preparing(move: Move, found: CellView) -> list[Transaction]:
    """Take the server, and name both hosts (``nova.compute.api.API.live_migrate`` and ``LiveMigrationTask``)."""
    instance, to, request = instance_of(found), _destination(move), request_id(move.migration)
    return [
        Transaction(
            "source",
            set_instance(
                move,
                {
                    "task_state": (None,),
                    "vm_state": ("active", "paused"),
                    "host": (instance["host"],),
                    "locked": (None, 0),
                    "hidden": (None, 0),
                },
                task_state="migrating",
                progress=0,
            ),
            (
                move.taken(),
                action(move.server, request, MIGRATION_TYPE, instance, move.now),
                StartEvent(move.server, request, _CONDUCTOR, move.reporter, move.now),
                StartEvent(move.server, request, _PREPARE, to.host, move.now),
                Insert(
                    "migrations",
                    {
                        "created_at": move.now,
                        "deleted": 0,
                        "uuid": move.migration,
                        "instance_uuid": move.server,
                        "status": "preparing",
                        "migration_type": MIGRATION_TYPE,
                        "source_compute": instance["host"],
                        "source_node": instance["node"],
                        "dest_compute": to.host,
                        "dest_node": to.node,
                        "dest_compute_id": to.compute_id,
                        "old_instance_type_id": instance["instance_type_id"],
                        "new_instance_type_id": instance["instance_type_id"],
                        "cross_cell_move": 0,
                        "hidden": 0,
                        "user_id": instance["user_id"],
                        "project_id": instance["project_id"],
                    },
                ),
            ),
        )
    ]


def running(move: Move, found: CellView) -> list[Transaction]:
    """Record that from here on the guest may be at its destination (``ComputeManager._do_live_migration``)."""
    migration, request = migration_of(found), request_id(move.migration)
    source = migration["source_compute"]
    # Without a task_state its owner could have stopped it, or Nova have moved it.
    guard: dict[str, tuple[Value, ...]] = {
        "task_state": _TASK_STATES,
        "vm_state": ("active", "paused"),
        "host": (source,),
    }
    return [
        Transaction(
            "source",
            set_migration(move, _BEFORE_RUNNING, status="running"),
            (
                set_instance(move, guard, task_state="migrating"),
                move.held(),
                FinishEvent(move.server, request, _CONDUCTOR, move.now),
                FinishEvent(move.server, request, _PREPARE, move.now),
                StartEvent(move.server, request, _MIGRATE, str(source), move.now),
            ),
        )
    ]


def arrived(move: Move, found: CellView) -> list[Transaction]:
    """Record that the guest runs at its destination (``ComputeManager.post_live_migration_at_destination``).

    Nova cleans the source before. But nothing leads back from here, so what is true is written first.
    """
    migration, to, request = migration_of(found), _destination(move), request_id(move.migration)
    if migration["dest_compute"] != to.host:
        raise _refused(move, "arrived", f"its destination is {migration['dest_compute']}, and not {to.host}.")
    _require_attachments(move, found)
    return [
        Transaction(
            "source",
            set_instance(
                move,
                {"task_state": _TASK_STATES, "host": (migration["source_compute"],)},
                host=to.host,
                node=to.node,
                compute_id=to.compute_id,
                availability_zone=to.availability_zone,
                power_state=RUNNING if move.running else PAUSED,
                task_state="migrating",
            ),
            (
                move.held(),
                set_migration(move, _ON_ITS_WAY, status=_STATUS["arrived"]),
                *set_volumes(move, found, "destination", connected=True),
                set_network_info(move, found.network_info),
                FinishEvent(move.server, request, _MIGRATE, move.now),
                StartEvent(move.server, request, _FINISH, to.host, move.now),
            ),
        )
    ]


def _require_attachments(move: Move, found: CellView) -> None:
    """A mapping that kept the source's attachment would lose its volume when that is deleted."""
    missing = [
        str(row["volume_id"])
        for row in found.volumes
        if not move.volumes.get(str(row["volume_id"]), {}).get("destination_attachment_id")
    ]
    if missing:
        raise _refused(
            move,
            "arrived",
            f"nothing was told of the attachment by which its destination has volume {', '.join(missing)}.",
            "Give live_migration_state what volume_attachments returned, as its option volumes.",
        )


def completed(move: Move, found: CellView) -> list[Transaction]:
    """Give the server back to its user at its destination (the end of ``ComputeManager._post_live_migration``)."""
    return [_ended(move, found, "completed", [Delete("console_auth_tokens", {"instance_uuid": move.server})])]


def aborted(move: Move, found: CellView) -> list[Transaction]:
    """Give the server back as it was (``ComputeManager._rollback_live_migration``).

    It must be known by then that the guest is at its source, and at its destination no more.
    """
    return [_ended(move, found, "failed", [], move.error or "aborted")]


def _ended(move: Move, found: CellView, status: str, others: list[Change], error: str = "") -> Transaction:
    """The end of a migration. A server of which the owner has done something since keeps that task_state."""
    ended = set_migration(move, _ON_ITS_WAY, status=status)
    if found.instance is None:  # its owner has deleted it
        return Transaction("source", ended)
    free = found.task_state in _TASK_STATES
    given_back = set_instance(move, {"task_state": _TASK_STATES}, task_state=None, progress=0) if free else None
    return Transaction(
        "source",
        ended,
        (
            *([given_back] if given_back else []),
            move.held(),
            SetMetadata(move.server, RUN_KEY, None, move.now),
            *others,
            FinishEvent(move.server, request_id(move.migration), "", move.now, error),
        ),
    )


def resumed(move: Move, found: CellView) -> list[Transaction]:
    """Take the place of a run that is dead, and make the states what the phase needs."""
    if found.instance is None:
        return []
    wanted = _STATUS[phase(found)]
    status = _POST_COPY if found.status == _POST_COPY else wanted
    if found.run == move.run and found.task_state == "migrating" and found.status == status:
        return []
    return [
        Transaction(
            "source",
            set_instance(move, {"task_state": _TASK_STATES}, task_state="migrating"),
            (move.taken(move.previous_run), set_migration(move, _ON_ITS_WAY, status=status)),
        )
    ]


def is_live(migration: Row) -> bool:
    """Whether a row of ``migrations`` is of a live migration."""
    return migration["migration_type"] == MIGRATION_TYPE
