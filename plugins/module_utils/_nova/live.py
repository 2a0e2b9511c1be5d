# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live migration, as Nova's rows tell it: its phases, and its steps as guarded transactions.

Within a cell it is what Nova does. Between cells, which Nova cannot do, the server's rows are copied to the other cell,
hidden, between ``preparing`` and ``running``, and deleted in the first one between ``arrived`` and ``completed``.

From the phase ``running`` on, the rows don't know where the guest is: a migration outlives whoever has begun it. Then
only libvirt on both hosts does, and they are asked. Until the guest has arrived the rows are true for the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import rows
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    Change,
    CopyAction,
    Delete,
    FinishEvent,
    Hold,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    action,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row, Value
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
    SHUTDOWN,
    instance_of,
    migration_of,
    set_instance,
    set_mapping,
    set_migration,
    set_network_info,
    set_volumes,
)

# The cell that a server leaves and the one that it enters; None within a cell.
Crossing = Optional[tuple[Cell, Cell]]

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
# Those that can be migrated.
_VM_STATES = ("active", "paused")
_CONDUCTOR = "conductor_live_migrate_instance"
_PREPARE = "compute_pre_live_migration"
_MIGRATE = "compute_live_migration"
_FINISH = "compute_post_live_migration_at_destination"
# What its user may change while the guest is under way, since Nova's API does not look at the task_state for it:
# columns of the instance, and tables of their own with the column that names it.
_USERS_COLUMNS = (
    "display_name",
    "display_description",
    "hostname",
    "locked",
    "locked_by",
    "access_ip_v4",
    "access_ip_v6",
    "auto_disk_config",
)
_USERS_TABLES = {"instance_metadata": "instance_uuid", "tags": "resource_id"}
_USERS_KEY = "locked_reason"  # of instance_system_metadata


@dataclass(frozen=True)
class Found:
    """Where a live migration is, by Nova's rows.

    :param cell: in which the server lives
    :param here: what the cell says that the server leaves
    :param deleted: whether its owner has deleted the server, or is about to
    :param there: what the cell says that it enters; None within a cell
    :param cell_ids: ``cell_mappings.id`` of both
    :param moved: whether the server lives in the cell that it enters
    :param changed: what brings the rows that its user has changed since they were copied to the cell that it enters
    """

    cell: str
    here: CellView
    deleted: bool
    there: CellView | None = None
    cell_ids: tuple[int, int] = (0, 0)
    moved: bool = False
    changed: tuple[Change, ...] = ()

    @property
    def gone(self) -> bool:
        """Whether Nova has done with deleting it: what is left of it is nobody's."""
        return self.deleted and self.seat.instance is None

    @property
    def phase(self) -> str:
        """One of :data:`PHASES`. A flip counts as made as soon as the mapping says so; see :func:`resumed`."""
        if self.there is None or not self.moved or self.gone:
            return phase(self.seat)
        return "none" if _is_over(self.there) else "arrived"

    @property
    def seat(self) -> CellView:
        """What the cell says that keeps the run's name: the one in which the server lives."""
        return self.there if self.there is not None and self.moved else self.here


def phase(found: CellView) -> str:
    """How far the migration has come. One that has ended is not over while a run's name is left with the server."""
    if found.migration is None or _is_over(found):
        return "none"
    if found.instance is not None and found.instance["host"] == found.migration["dest_compute"]:
        return "arrived"
    return "preparing" if found.status in _BEFORE_RUNNING else "running"


def _is_over(found: CellView) -> bool:
    # With a deleted server its run's name is gone; and an error is not how we end.
    is_left = bool(found.run) or (found.instance is None and found.status == "error")
    return found.migration is None or (found.status in FINAL_STATUSES and not is_left)


def where(cells: Cells, server: str, migration: str, crossing: Crossing = None) -> Found:
    """Read where a live migration is.

    :param crossing: the cell that the server leaves and the one that it enters; None within its cell
    """
    home = cells.of_server(server)
    mapping = cells.api.one("instance_mappings", instance_uuid=server)
    at_home = view(cells.database(home), server, migration)
    # Nova's API has its host begin before it writes the mapping (``nova.compute.api.API._do_delete``).
    deleted = bool(mapping["queued_for_delete"]) or at_home.task_state in ("deleting", "soft-deleting")
    if crossing is None:
        return Found(home.name, at_home, deleted)
    here, there = (view(cells.database(cell), server, migration) for cell in crossing)
    return Found(home.name, here, deleted, there, (crossing[0].id, crossing[1].id), home.id == crossing[1].id)


def plan(cells: Cells, move: Move, state: str, crossing: Crossing = None) -> Step:
    """Decide what is to be done so that the migration is in *state*; nothing, if it is there or further.

    :param crossing: see :func:`where`
    :raises ConflictError: it is not where this step starts from, or another run works on the server
    """
    found = where(cells, move.server, move.migration, crossing)
    source, target = crossing or (cells.of_server(move.server),) * 2
    databases = {"source": cells.database(source), "target": cells.database(target), "api": cells.api}
    if crossing is not None and state == "arrived" and not found.moved:
        changed = tuple(_changed(databases["source"], databases["target"], move))
        found = replace(found, changed=changed)
    pending = [(databases[transaction.database], transaction) for transaction in transactions(found, move, state)]
    if len(pending) > 1:  # a run killed between two databases has made some of them
        pending = [(database, transaction) for database, transaction in pending if not transaction.is_done(database)]
    after = {"resumed": found.phase, "aborted": "none", "completed": "none"}.get(state, state)
    return Step(found.phase, after, pending)


def transactions(found: Found, move: Move, state: str) -> list[Transaction]:
    """The transactions that are still to be made for *state*; see :func:`plan`."""
    before = found.phase
    if before == "none" and state != "preparing":
        return _over(found, move, state)
    if before == "none" and found.seat.migration is not None:
        raise _refused(move, state, f"it is {found.seat.status} already.", "Plan again: each has a uuid of its own.")
    _check_run(found, move, state)
    if state in PHASES and PHASES.index(before) >= PHASES.index(state):
        return []
    if STATES[state] and before not in STATES[state]:
        raise _refused(move, state, f"it is {before!r}, and must be {' or '.join(map(repr, STATES[state]))}.")
    if state in ("preparing", "running") and found.deleted:
        raise _refused(move, state, "its owner has deleted the server.", "Take the migration back.")
    here, there = found.here, found.there
    _check_rows(found, move, state)
    planners: dict[str, Callable[[], list[Transaction]]] = {
        "preparing": lambda: preparing(move, here, crosses=there is not None),
        "running": lambda: running(move, here),
        "arrived": lambda: arrived(move, here) if there is None else flipped(move, found, here, there),
        "completed": lambda: completed(move, found.seat, _database(found)),
        "resumed": lambda: resumed(move, found, before),
        "aborted": lambda: aborted(move, found.seat, _database(found)),
    }
    return planners[state]()


def _database(found: Found) -> str:
    return "target" if found.moved else "source"


def _check_rows(found: Found, move: Move, state: str) -> None:
    """A server needs rows in the cell to which it goes, and may leave none in the one where it does not live."""
    if state == "running" and found.there is not None and found.there.migration is None:
        raise _refused(move, state, "its rows are not in the cell that it enters.", "Copy them first (instance_rows).")
    left = found.here if found.moved else found.there if state == "aborted" else None
    if state in ("completed", "aborted") and left is not None and left.instance is not None:
        raise _refused(
            move, state, "its rows are still in the other cell.", "Delete them first (instance_rows, state absent)."
        )


def _over(found: Found, move: Move, state: str) -> list[Transaction]:
    """There is nothing left to do for one that has ended that way, or was never begun and is to be taken back."""
    ends = {"completed": ("completed",), "aborted": ("", "failed", "cancelled", "error")}
    if state == "resumed" or found.seat.status in ends.get(state, ()):
        return []
    raise _refused(move, state, f"it is {found.seat.status or 'not begun'}.")


def _check_run(found: Found, move: Move, state: str) -> None:
    """Of two runs, the one that does not hold the server ends here, whether or not there is anything left to do."""
    if found.seat.instance is None:
        return
    previous = {"preparing": ("",), "resumed": (move.previous_run,)}.get(state, ())
    Hold(move.server, move.run, move.now, previous).check(found.seat.run)


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


def preparing(move: Move, found: CellView, crosses: bool = False) -> list[Transaction]:
    """Take the server, and name both hosts (``nova.compute.api.API.live_migrate`` and ``LiveMigrationTask``).

    :param crosses: whether it goes to another cell, of which an id means nothing here
    """
    instance, to, request = instance_of(found), _destination(move), request_id(move.migration)
    return [
        Transaction(
            "source",
            set_instance(
                move,
                {
                    "task_state": (None,),
                    "vm_state": _VM_STATES,
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
                        "dest_compute_id": None if crosses else to.compute_id,
                        "old_instance_type_id": instance["instance_type_id"],
                        "new_instance_type_id": instance["instance_type_id"],
                        "cross_cell_move": int(crosses),
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
        "vm_state": _VM_STATES,
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


def _changed(source: Database, target: Database, move: Move) -> Iterator[Change]:
    """What makes those rows in *target* what they are in *source* that a user may have changed since they were copied.

    Their actions tell of it, and are copied, too.
    """
    here, there = (rows.read_rows(database, move.server) for database in (source, target))
    for table, owner in _USERS_TABLES.items():
        ours, theirs = ({table: found.get(table, [])} for found in (here, there))
        if rows.row_differences(ours, theirs) or rows.row_differences(theirs, ours):
            yield Delete(table, {owner: move.server})
            yield from (Insert(table, row) for row in ours[table])
    reason, reason_there = (
        next((row["value"] for row in found.get("instance_system_metadata", []) if row["key"] == _USERS_KEY), None)
        for found in (here, there)
    )
    if reason != reason_there:
        yield SetMetadata(move.server, _USERS_KEY, None if reason is None else str(reason), move.now)
    known = {row["request_id"] for row in there["instance_actions"]}
    for row in here["instance_actions"]:
        if row["request_id"] not in known:
            events = [event for event in here["instance_actions_events"] if event["action_id"] == row["id"]]
            yield CopyAction(row, tuple(events))


def flipped(move: Move, found: Found, here: CellView, there: CellView) -> list[Transaction]:
    """Record that the guest runs at its destination in another cell, and flip the server to that, in Nova's order.

    Its owner is kept away until its rows in the old cell are deleted. The run holds it in the new one, too, whoever has
    begun with that. What the user has changed since the rows were copied goes with it.
    """
    migration, to, request = migration_of(there), _destination(move), request_id(move.migration)
    if migration["dest_compute"] != to.host:
        raise _refused(move, "arrived", f"its destination is {migration['dest_compute']}, and not {to.host}.")
    was, now = instance_of(there), instance_of(here)
    _require_attachments(move, there)
    users = {name: now[name] for name in _USERS_COLUMNS if name in was and name in now and was[name] != now[name]}
    return [
        Transaction(
            "target",
            set_instance(
                move,
                {"task_state": _TASK_STATES},
                host=to.host,
                node=to.node,
                compute_id=to.compute_id,
                availability_zone=to.availability_zone,
                power_state=RUNNING if move.running else PAUSED,
                task_state="migrating",
                hidden=0,
                **users,
            ),
            (
                move.taken(there.run),
                *found.changed,
                set_migration(move, _ON_ITS_WAY, status=_STATUS["arrived"], dest_compute_id=to.compute_id),
                *set_volumes(move, there, "destination", connected=True),
                set_network_info(move, there.network_info),
                FinishEvent(move.server, request, "", move.now),
                StartEvent(move.server, request, _MIGRATE, str(migration["source_compute"]), move.now),
                FinishEvent(move.server, request, _MIGRATE, move.now),
                StartEvent(move.server, request, _FINISH, to.host, move.now),
            ),
            repeatable=True,
        ),
        Transaction("api", set_mapping(move, found.cell_ids)),
        _left(move, move.held()),
    ]


def _left(move: Move, hold: Hold) -> Transaction:
    """Hide the server's rows in the cell that it has left, as those of a guest that is off.

    Were it running by these rows, a nova-compute that starts up at the source would start the guest there once more
    (``resume_guests_state_on_host_boot``).
    """
    return Transaction(
        "source",
        set_instance(move, {"task_state": _TASK_STATES}, task_state="migrating", power_state=SHUTDOWN, hidden=1),
        (hold, FinishEvent(move.server, request_id(move.migration), "", move.now)),
    )


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


def completed(move: Move, found: CellView, database: str = "source") -> list[Transaction]:
    """Give the server back to its user at its destination (the end of ``ComputeManager._post_live_migration``)."""
    tokens = Delete("console_auth_tokens", {"instance_uuid": move.server})
    return [_ended(move, found, "completed", [tokens], database=database)]


def aborted(move: Move, found: CellView, database: str = "source") -> list[Transaction]:
    """Give the server back as it was (``ComputeManager._rollback_live_migration``).

    It must be known by then that the guest is at its source, and at its destination no more. The server of one that has
    gone off meanwhile is stopped, as it would be by Nova's periodic task (``ComputeManager._sync_power_states``), which
    leaves servers with a task_state alone.
    """
    went_off = move.off and found.instance is not None and found.instance["vm_state"] in _VM_STATES
    became: dict[str, Value] | None = {"vm_state": "stopped", "power_state": SHUTDOWN} if went_off else None
    return [_ended(move, found, "failed", [], move.error or "aborted", database, became)]


def _ended(
    move: Move,
    found: CellView,
    status: str,
    others: list[Change],
    error: str = "",
    database: str = "source",
    became: dict[str, Value] | None = None,
) -> Transaction:
    """The end of a migration. A server of which the owner has done something since keeps that task_state.

    :param became: what else the instance is by now
    """
    ended = set_migration(move, _ON_ITS_WAY, status=status)
    told = FinishEvent(move.server, request_id(move.migration), "", move.now, error)
    if found.instance is None:  # its owner has deleted it
        return Transaction(database, ended, (told,))
    free = found.task_state in _TASK_STATES
    wanted: dict[str, Value] = {"task_state": None, "progress": 0, **(became or {})}
    given_back = set_instance(move, {"task_state": _TASK_STATES}, **wanted) if free else None
    return Transaction(
        database,
        ended,
        (
            *([given_back] if given_back else []),
            move.held(),
            SetMetadata(move.server, RUN_KEY, None, move.now),
            *others,
            told,
        ),
    )


def resumed(move: Move, found: Found, before: str) -> list[Transaction]:
    """Take the place of a run that is dead, and make the states what the phase needs.

    That run may have flipped the server and not yet hidden its rows in the cell that it has left.

    :param before: the phase
    """
    seat, here = found.seat, found.here
    if seat.instance is None:
        return []
    pending = []
    status = _POST_COPY if seat.status == _POST_COPY else _STATUS[before]
    if (seat.run, seat.task_state, seat.status) != (move.run, "migrating", status):
        pending.append(
            Transaction(
                _database(found),
                set_instance(move, {"task_state": _TASK_STATES}, task_state="migrating"),
                (move.taken(move.previous_run), set_migration(move, _ON_ITS_WAY, status=status)),
                repeatable=True,
            )
        )
    if found.moved and here.instance is not None and not here.instance["hidden"]:
        pending.append(_left(move, move.taken(here.run)))
    return pending


def is_live(migration: Row) -> bool:
    """Whether a row of ``migrations`` is of a live migration."""
    return migration["migration_type"] == MIGRATION_TYPE
