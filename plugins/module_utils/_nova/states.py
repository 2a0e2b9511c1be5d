# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases of a cross-cell move, as the databases tell them.

Nova's task_state keeps the API (409 to every user action) and nova-compute's periodic tasks away while a move is under
way; its migration status tells operators how far it is. The steps from one phase to the next are in ``transitions`` and
``revert``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects, rows
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import Hold
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row, Value

RUN_KEY = rows.RUN_KEY

# In the order in which a move passes through them.
PHASES = (
    "none",
    "started",  # task_state taken, migration row there
    "copied",  # hidden rows in the target cell
    "prepared",  # destination known to both cells; ports and volumes reserved for it
    "stopping",  # the source guest may be off from here on
    "departed",  # the guest may be at the destination from here on
    "finished",  # runs at the destination, the mapping points there: VERIFY_RESIZE
    "confirming",
    "confirmed",
)
# And from VERIFY_RESIZE back to none.
REVERT_PHASES = (
    "finished",
    "reverting",  # the destination guest may be off from here on
    "returned",  # runs at the source, the mapping points there; what is at the destination is still to be removed
)
# In these nobody works on the server.
RESTING_PHASES = ("none", "finished", "confirmed")
# What nova-compute and the API count as a migration that is over (nova.objects.migration).
FINAL_STATUSES = ("confirmed", "reverted", "error", "failed", "completed", "cancelled", "done")


@dataclass(frozen=True)
class CellView:
    """What one cell's database says of a server and of the move named by a migration uuid."""

    instance: Row | None
    extra: Row | None
    migration: Row | None
    metadata: Mapping[str, str]
    volumes: Sequence[Row]
    network_info: str
    actions: Sequence[Row] = ()  # from the oldest to the newest

    @property
    def old_vm_state(self) -> str:
        """The vm_state before the move."""
        current = str(self.instance["vm_state"]) if self.instance else ""
        return self.metadata.get("old_vm_state") or current

    @property
    def task_state(self) -> Value:
        """The instance's task_state; None too if it is not there."""
        return self.instance["task_state"] if self.instance else None

    @property
    def status(self) -> str:
        """The migration's status; empty if it is not there."""
        return str(self.migration["status"]) if self.migration else ""

    @property
    def run(self) -> str:
        """The run that holds the server; empty if none does."""
        return self.metadata.get(RUN_KEY, "")

    def request_id(self, ours: str, *names: str) -> str:
        """The request id of the action that tells of a move: ours, or else the newest of these names, which is Nova's.

        :param ours: the request id which it has if it is ours
        """
        found = [str(row["request_id"]) for row in self.actions if row["action"] in names]
        return ours if ours in found or not found else found[-1]


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
    off: bool = False  # the guest was found so at the host to which it is given back
    error: str = ""
    availability_zone: str | None = None  # of the host to which a revert returns the server, if it has changed
    run: str = ""  # names the run that works on the server
    previous_run: str = ""  # whose place it takes, for resumed

    def held(self) -> Hold:
        """The guard of every transaction: no other run has taken the server over."""
        return Hold(self.server, self.run, self.now)

    def taken(self, previous: str = "") -> Hold:
        """What makes this run the one that holds the server."""
        return Hold(self.server, self.run, self.now, (previous,))


def request_id(migration: str) -> str:
    """The request id by which the action of a move of ours is known from Nova's."""
    return f"req-{migration}"


def request_id_of(phase: str, migration: str) -> str:
    """The request id of the action that has brought a move to its phase, if that action is ours and not Nova's.

    Always the same for one move: a run that is made again goes on with the action of the one before.

    :param migration: uuid
    """
    names = {
        "confirming": "confirmResize",
        "confirmed": "confirmResize",
        "reverting": "revertResize",
        "returned": "revertResize",
    }
    if phase not in names:
        return request_id(migration)
    return f"req-{uuid.uuid5(uuid.UUID(migration), names[phase])}"


def seat(phase: str) -> str:
    """The cell that keeps the run's name: ``source``, or ``target`` for a confirmation."""
    return "target" if phase in ("confirming", "confirmed") else "source"


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
    actions = database.select("instance_actions", instance_uuid=server)
    return CellView(
        instance=instances[0] if instances else None,
        extra=extras[0] if extras else None,
        migration=migrations[0] if migrations else None,
        metadata={str(row["key"]): str(row["value"]) for row in metadata},
        volumes=volumes,
        network_info=str(caches[0]["network_info"] or "[]") if caches else "[]",
        # Nova's own copy of them has ids that run backwards.
        actions=sorted(actions, key=lambda row: (str(row["start_time"]), int(row["id"] or 0))),
    )


def phase(source: CellView, target: CellView, mapped_to_target: bool) -> str:
    """How far the move has come; derived from the rows, remembered by nobody.

    It holds for Nova's own moves too, wherever its conductor has died. A flip that was cut short between two databases
    counts as not yet made: the step that makes it is run again, and does what is missing. ``foreign`` is what neither
    Nova nor we leave behind, such as a migration in error of a server that lives at its destination.
    """
    return _phase_at_target(source, target) if mapped_to_target else _phase_at_source(source, target)


def _phase_at_target(source: CellView, target: CellView) -> str:
    if target.status == "confirmed":
        # Nova ends the migration before it makes the instance an ordinary one.
        return "confirming" if _is_resized_by(target) else "confirmed"
    if target.status in ("confirming", "reverting"):
        return target.status
    if target.status == "finished":
        if target.task_state == "resize_reverting":
            return "reverting"  # Nova's API takes the instance before it changes the migration
        if source.status == "reverting":
            return "reverting"  # one that is taken back ends in the source cell, which keeps the run's name
        return "finished" if _is_hidden(source) else "departed"
    return "none" if source.status in ("", *FINAL_STATUSES) else "foreign"


def _phase_at_source(source: CellView, target: CellView) -> str:
    if source.status in ("", *FINAL_STATUSES):
        return "none"
    if source.status == "reverting":
        return "returned" if _is_hidden(target) else "reverting"
    if target.status not in ("", "pre-migrating", "finished"):
        return "foreign"
    if source.status == "post-migrating":
        return "departed"
    if source.status == "migrating":
        return "stopping"
    if source.status != "pre-migrating":
        return "foreign"
    if source.task_state == "resize_migrating":
        return "stopping"  # Nova has asked the source host to stop it
    if target.instance is None or target.migration is None:
        return "started"
    return "prepared" if source.migration and source.migration["dest_compute"] else "copied"


def _is_hidden(cell: CellView) -> bool:
    return cell.instance is None or bool(cell.instance["hidden"])


def _is_resized_by(cell: CellView) -> bool:
    """Whether the instance is still in VERIFY_RESIZE by this migration, and not by a later one."""
    if not (cell.instance and cell.extra and cell.migration and cell.instance["vm_state"] == "resized"):
        return False
    return objects.migration_of_context(str(cell.extra["migration_context"] or "")) == cell.migration["id"]
