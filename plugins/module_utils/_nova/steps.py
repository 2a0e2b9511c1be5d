# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One step of a move across the databases that it touches: planned, shown, applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import states
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import Transaction
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database

# What module move_state can bring about, and the phase that each needs to start from.
STATES = {
    "started": "none",
    "prepared": "copied",
    "stopping": "prepared",
    "departed": "stopping",
    "finished": "departed",
    "confirming": "finished",
    "confirmed": "confirming",
    "aborted": "",
}


@dataclass(frozen=True)
class Step:
    """The transactions that are still to be made, in order, each with its database."""

    phase_before: str
    phase_after: str
    transactions: Sequence[tuple[Database, Transaction]]

    def apply(self) -> None:
        """Make them, each all or none.

        :raises ConflictError: somebody else has changed a guarded row
        """
        for database, transaction in self.transactions:
            transaction.apply(database)

    def describe(self) -> list[str]:
        """One line for each change."""
        return [line for _database, transaction in self.transactions for line in transaction.describe()]


def where(cells: Cells, source: Cell, target: Cell, server: str, migration: str) -> tuple[str, Cell]:
    """How far a move is, and the cell in which the server lives now; read from Nova's databases alone."""
    home = cells.of_server(server)
    here = states.view(cells.database(source), server, migration)
    there = states.view(cells.database(target), server, migration)
    return states.phase(here, there, home.id == target.id), home


def plan(cells: Cells, source: Cell, target: Cell, move: states.Move, state: str) -> Step:
    """Decide what is to be done so that the move is in *state*; nothing, if it is there or further.

    :raises ConflictError: the move is not where this step starts from
    """
    here = states.view(cells.database(source), move.server, move.migration)
    there = states.view(cells.database(target), move.server, move.migration)
    mapped_to_target = cells.of_server(move.server).id == target.id
    before = states.phase(here, there, mapped_to_target)
    if before == "foreign":
        raise ConflictError(
            f"bring the move {move.migration} of server {move.server} to {state!r}",
            "somebody else works on it, such as Nova reverting it.",
            "Wait until that is done: openstack server migration list --server UUID",
        )
    if state == "aborted":
        return _plan_abort(cells, source, target, move, here, there, before, mapped_to_target)
    if states.PHASES.index(before) >= states.PHASES.index(state):
        return Step(before, before, ())
    if before != STATES[state]:
        raise ConflictError(
            f"bring the move {move.migration} of server {move.server} to {state!r}",
            f"it is {before!r}, and must be {STATES[state]!r} for this step.",
            "Run the playbook again from its start: it goes on from where the move is.",
        )
    if state == "started":
        transactions = states.started(move, here)
    elif state == "prepared":
        transactions = states.prepared(move, here, there)
    elif state == "stopping":
        transactions = states.stopping(move, here)
    elif state == "departed":
        transactions = states.departed(move, here)
    elif state == "finished":
        specs = cells.api.select("request_specs", instance_uuid=move.server)
        spec = str(specs[0]["spec"]) if specs else None
        transactions = states.finished(move, here, there, (source.id, target.id), spec)
    elif state == "confirming":
        transactions = states.confirming(move, here, there)
    else:
        transactions = states.confirmed(move, there)
    databases = {"source": cells.database(source), "target": cells.database(target), "api": cells.api}
    pending = [(databases[transaction.database], transaction) for transaction in transactions]
    if len(pending) > 1:  # a run killed between two databases has made some of them
        pending = [(database, transaction) for database, transaction in pending if not transaction.is_done(database)]
    return Step(before, state, pending)


def _plan_abort(
    cells: Cells,
    source: Cell,
    target: Cell,
    move: states.Move,
    here: states.CellView,
    there: states.CellView,
    before: str,
    mapped_to_target: bool,
) -> Step:
    if mapped_to_target:
        raise ConflictError(
            f"abort the move {move.migration} of server {move.server}",
            f"the server lives in {target.name} already.",
            "Run the playbook again: it finishes the move.",
        )
    if there.instance is not None:
        raise ConflictError(
            f"abort the move {move.migration} of server {move.server}",
            f"its rows are still in {target.name}.",
            "Delete them first (instance_rows, state absent).",
        )
    if before == "none":
        return Step(before, before, ())
    return Step(before, "none", [(cells.database(source), step) for step in states.aborted(move, here)])
