# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nova's own moves, reverts and confirmations, left by its conductor after each thing that it writes.

Each is taken over and brought to its end, a move to either end. What Nova writes is written here as its conductor and
its compute hosts do, one save at a time.
"""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Sequence

from ansible_collections.stackmove.nova.plugins.module_utils._nova import rows, states, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row

FORWARD = ("prepared", "stopping", "departed", "finished")

# What Nova writes, in its order, each with the phase that it makes. {s} is the source's database, {t} the target's.
_INSTANCE = "UPDATE {%s}.instances SET %s WHERE uuid = '{server}'"
_MIGRATION = "UPDATE {%s}.migrations SET %s WHERE uuid = '{migration}'"
_DESTINATION = "dest_compute = '{dest}', dest_node = '{dest}', dest_host = '192.0.2.1'"
_ACTION = (
    "INSERT INTO {%s}.instance_actions (action, instance_uuid, request_id, start_time, deleted)"
    " VALUES ('%s', '{server}', '{request}', UTC_TIMESTAMP(), 0)"
)
_EVENT = (
    "INSERT INTO {%s}.instance_actions_events (event, action_id, start_time, deleted)"
    " VALUES ('%s', LAST_INSERT_ID(), UTC_TIMESTAMP(), 0)"
)
_NEW_MIGRATION = (
    "INSERT INTO {s}.migrations (uuid, instance_uuid, status, migration_type, source_compute, source_node,"
    " old_instance_type_id, new_instance_type_id, cross_cell_move, hidden, deleted)"
    " VALUES ('{migration}', '{server}', 'pre-migrating', 'migration', '{source}', '{source}', 2, 2, 1, 0, 0)"
)
_CONTEXT = (
    "UPDATE {t}.instance_extra e JOIN {t}.migrations m ON m.uuid = '{migration}' SET e.migration_context ="
    " JSON_OBJECT('nova_object.data', JSON_OBJECT('migration_id', m.id, 'old_numa_topology', NULL,"
    " 'old_pci_requests', NULL)) WHERE e.instance_uuid = '{server}'"
)
COPY = "copy"
DELETE_TARGET, DELETE_SOURCE = "delete the target's rows", "delete the source's rows"
MOVE = [
    (
        "started",
        _INSTANCE % ("s", "task_state = 'resize_prep'"),
        _ACTION % ("s", "migrate"),
        _EVENT % ("s", "cold_migrate"),
        _NEW_MIGRATION,
    ),
    ("copied", COPY),
    (
        "copied",
        _MIGRATION % ("t", _DESTINATION),
        _CONTEXT,
    ),
    ("prepared", _MIGRATION % ("s", _DESTINATION)),
    ("stopping", _INSTANCE % ("s", "task_state = 'resize_migrating'")),
    ("stopping", _MIGRATION % ("s", "status = 'migrating'")),
    ("departed", _MIGRATION % ("s", "status = 'post-migrating'")),
    ("departed", _INSTANCE % ("s", "task_state = 'resize_migrated', power_state = 4")),
    ("departed", _INSTANCE % ("t", "task_state = 'resize_migrated'")),
    ("departed", _INSTANCE % ("t", "task_state = 'resize_finish', image_ref = 'of the snapshot'")),
    ("departed", _MIGRATION % ("t", "status = 'finished'")),
    (
        "departed",
        _INSTANCE
        % ("t", "task_state = NULL, vm_state = 'resized', host = '{dest}', node = '{dest}', image_ref = '{image}'"),
    ),
    ("departed", _INSTANCE % ("t", "hidden = 0")),
    ("departed", "UPDATE nova_api.instance_mappings SET cell_id = {target_id} WHERE instance_uuid = '{server}'"),
]
REVERT = [
    ("reverting", _INSTANCE % ("t", "task_state = 'resize_reverting'")),
    ("reverting", _MIGRATION % ("t", "status = 'reverting'")),
    ("reverting", _ACTION % ("t", "revertResize"), _EVENT % ("t", "conductor_revert_snapshot_based_resize")),
    ("reverting", _INSTANCE % ("s", "task_state = 'resize_reverting'")),
    ("reverting", _MIGRATION % ("s", "status = 'reverting'")),
    ("reverting", _INSTANCE % ("s", "hidden = 0")),
    ("reverting", "UPDATE nova_api.instance_mappings SET cell_id = {source_id} WHERE instance_uuid = '{server}'"),
    ("returned", _INSTANCE % ("t", "hidden = 1")),
    ("returned", _MIGRATION % ("t", "status = 'reverted'")),
    ("returned", DELETE_TARGET),
]
CONFIRM = [
    (
        "confirming",
        _MIGRATION % ("t", "status = 'confirming'"),
        _ACTION % ("t", "confirmResize"),
        _EVENT % ("t", "conductor_confirm_snapshot_based_resize"),
    ),
    ("confirming", _MIGRATION % ("s", "status = 'confirmed'")),
    ("confirming", DELETE_SOURCE),
    ("confirming", _MIGRATION % ("t", "status = 'confirmed'")),
]


class Server:
    """The server, with the move that it is in; from the cell in which it lives to the other one."""

    def __init__(self, cells: Cells, server: str) -> None:
        self._cells, self.server = cells, server
        self.source = self.fresh().of_server(server)
        (self.target,) = (cell for cell in cells.all() if cell.id != self.source.id)
        self.migration = str(uuid.uuid4())
        self.request = f"req-of-nova-{self.migration[:8]}"
        self.before = self.instance()

    def fresh(self) -> Cells:
        """The databases as they are now, and not as they were when they were last read."""
        for database in (self._cells.api, *(self._cells.database(cell) for cell in self._cells.all())):
            database.rollback()
        return self._cells

    def instance(self) -> Row:
        """Its row where it lives, but for what any move changes."""
        cells = self.fresh()
        row = cells.database(cells.of_server(self.server)).one("instances", uuid=self.server)
        changes = ("id", "host", "node", "compute_id", "availability_zone", "launched_at", "updated_at", "progress")
        return {name: value for name, value in row.items() if name not in changes}

    def nova_writes(self, statements: Sequence[str]) -> None:
        """What Nova's conductor or a compute host saves."""
        cells = self.fresh()
        here, there = cells.database(self.source), cells.database(self.target)
        values = {
            "s": f"nova_{self.source.name}",
            "t": f"nova_{self.target.name}",
            "source": f"cmp{self.source.name[-1]}",
            "dest": f"cmp{self.target.name[-1]}",
            "source_id": self.source.id,
            "target_id": self.target.id,
            "server": self.server,
            "migration": self.migration,
            "request": self.request,
            "image": self.before["image_ref"],
        }
        for statement in statements:
            if statement == COPY:
                self.copy()
            elif statement == DELETE_TARGET:
                rows.delete_rows(there, self.server)
            elif statement == DELETE_SOURCE:
                rows.delete_rows(here, self.server)
            else:
                cells.api.execute(statement.format(**values))
        cells.api.commit()

    def copy(self) -> None:
        """What module instance_rows does."""
        cells = self.fresh()
        here, there = cells.database(self.source), cells.database(self.target)
        found = rows.read_rows(here, self.server)
        rows.write_rows(there, rows.plan_copy(found, {table: there.columns(table) for table in found}))

    def phase(self) -> str:
        """Where the move is."""
        return steps.where(self.fresh(), self.source, self.target, self.server, self.migration).phase

    def step(self, *made: str) -> None:
        """Make steps of ours."""
        for state in made:
            now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
            destination = states.Destination(
                f"cmp{self.target.name[-1]}", f"cmp{self.target.name[-1]}", 7, "192.0.2.1", "z"
            )
            move = states.Move(self.server, self.migration, now, "here", destination, run="ours")
            steps.plan(self.fresh(), self.source, self.target, move, state).apply()

    def end(self, *made: str, deletes: str, last: str) -> None:
        """Make the last steps; between them, rows are deleted."""
        self.step(*made)
        self.nova_writes([deletes])
        self.step(last)

    def check(self, what: str, ended: str) -> None:
        """It is as it was, nobody holds it, and every event of Nova's is ended."""
        cells = self.fresh()
        found = {name: value for name, value in self.instance().items() if self.before.get(name) != value}
        home = cells.database(cells.of_server(self.server))
        keys = [row["key"] for row in home.select("instance_system_metadata", instance_uuid=self.server, deleted=0)]
        events = [
            event["result"]
            for action in home.select("instance_actions", instance_uuid=self.server, request_id=self.request)
            for event in rows.read_events(home, action)
        ]
        left = sorted({"stackmove_run", "old_vm_state"} & set(keys))
        if found or left or set(events) - {ended} or self.phase() not in ("none", "confirmed"):
            raise RuntimeError(f"{what}: {found or left or events or self.phase()}")


def left_after(cells: Cells, server: str, points: Sequence[tuple[str, ...]], begin: Sequence[str]) -> Server:
    """A move that Nova has left after the last of these points."""
    moved = Server(cells, server)
    if begin:
        moved.step("started")
        moved.copy()
        moved.step(*begin)
    for _phase, *statements in points:
        moved.nova_writes(statements)
    wanted, found = points[-1][0], moved.phase()
    if found != wanted:
        raise RuntimeError(f"after {points[-1]}: {found}, not {wanted}")
    moved.step("resumed", "resumed")
    return moved


def forward(moved: Server) -> None:
    """To the end of the move."""
    if moved.phase() == "started":
        moved.copy()
    moved.step(*FORWARD)


def main(url: str, server: str) -> None:
    """Take over at every point, and count."""
    cells, points = Cells(url, url), 0
    for number, point in enumerate(MOVE, 1):
        moved = left_after(cells, server, MOVE[:number], ())
        forward(moved)
        moved.end("reverting", "returned", deletes=DELETE_TARGET, last="reverted")
        moved.check(f"forward and reverted, from {point}", "Success")
        points += 1
        if number < len(MOVE):  # from there on it lives at its destination
            moved = left_after(cells, server, MOVE[:number], ())
            moved.end(deletes=DELETE_TARGET, last="aborted")
            moved.check(f"back, from {point}", "Error")
            points += 1
    for number, point in enumerate(REVERT, 1):
        moved = left_after(cells, server, REVERT[:number], FORWARD)
        moved.end("reverting", "returned", deletes=DELETE_TARGET, last="reverted")
        moved.check(f"reverted, from {point}", "Success")
        points += 1
    for number, point in enumerate(CONFIRM, 1):
        moved = left_after(cells, server, CONFIRM[:number], FORWARD)
        moved.end("confirming", deletes=DELETE_SOURCE, last="confirmed")
        moved.check(f"confirmed, from {point}", "Success")
        points += 1
    print(f"{points} taken over")


main(*sys.argv[1:])
