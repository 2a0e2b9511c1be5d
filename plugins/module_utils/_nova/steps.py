# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One step of a move across the databases that it touches: planned, shown, applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import revert, rows, states, transitions
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import Hold, Transaction
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row, Value

# What module move_state can bring about, and the phases from which each starts; none where that is any.
STATES: dict[str, tuple[str, ...]] = {
    "started": ("none",),
    "prepared": ("copied",),
    "stopping": ("prepared",),
    "departed": ("stopping",),
    "finished": ("departed",),
    "confirming": ("finished",),
    "confirmed": ("confirming",),
    "reverting": ("finished",),
    "returned": ("reverting",),
    "reverted": ("returned",),
    "waiting": ("confirming", "reverting"),
    "resumed": (),
    "aborted": (),
}
# These begin with the state's first transaction, so that one that was cut short is told by the state itself.
_TOLD_AT_ONCE = ("confirming", "reverting")
# These let a run take a server that no run has.
_TAKING = ("started", "confirming", "reverting")
# After these the guest may be started anew, which must not happen to a server that its owner has deleted.
_NEED_OWNER = ("departed", "finished", "returned")
_RUN_AGAIN = "Run the playbook again from its start: it goes on from where the move is."


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


@dataclass(frozen=True)
class Found:
    """Where a move is, by Nova's databases alone."""

    home: Cell  # in which the server lives
    here: states.CellView  # in the source cell
    there: states.CellView  # in the target cell
    phase: str
    deleted: bool  # its owner has deleted it, or is about to

    @property
    def run(self) -> str:
        """The run that works on it; empty if none does."""
        return self.seat.run

    @property
    def seat(self) -> states.CellView:
        """What the cell says that keeps the run's name."""
        return self.there if states.seat(self.phase) == "target" else self.here


def where(cells: Cells, source: Cell, target: Cell, server: str, migration: str) -> Found:
    """Read where a move is."""
    home = cells.of_server(server)
    here = states.view(cells.database(source), server, migration)
    there = states.view(cells.database(target), server, migration)
    mapping = cells.api.one("instance_mappings", instance_uuid=server)
    phase = states.phase(here, there, home.id == target.id)
    return Found(home, here, there, phase, bool(mapping["queued_for_delete"]))


def require_run(cells: Cells, server: str, run: str) -> None:
    """Make sure that this run holds the server, in the cell where it lives.

    Nobody holds a server that its owner has deleted.

    :raises ConflictError: another run has taken it over, or none has
    """
    view = states.view(cells.database(cells.of_server(server)), server, "")
    if view.instance is not None:
        Hold(server, run, "").check(view.run)


def plan(cells: Cells, source: Cell, target: Cell, move: states.Move, state: str) -> Step:
    """Decide what is to be done so that the move is in *state*; nothing, if it is there or further.

    :raises ConflictError: the move is not where this step starts from, or another run works on the server
    """
    found = where(cells, source, target, move.server, move.migration)
    before = found.phase
    if before == "foreign":
        raise _refused(
            move,
            state,
            "its rows are in a state that neither Nova nor a move of ours leaves behind.",
            "Look at them with server_move_info: openstack server migration list --server UUID tells what Nova did.",
        )
    _check_run(move, state, found)
    if _is_there(state, found):
        return Step(before, before, ())
    if STATES[state] and before not in (*STATES[state], state):
        wanted = " or ".join(map(repr, STATES[state]))
        raise _refused(move, state, f"it is {before!r}, and must be {wanted} for this step.")
    if state in _NEED_OWNER and found.deleted:
        raise _refused(move, state, "its owner has deleted the server.", "Roll the move back.")
    transactions = _transactions(cells, source, target, move, state, found)
    databases = {"source": cells.database(source), "target": cells.database(target), "api": cells.api}
    pending = [(databases[transaction.database], transaction) for transaction in transactions]
    if len(pending) > 1:  # a run killed between two databases has made some of them
        pending = [(database, transaction) for database, transaction in pending if not transaction.is_done(database)]
    after = {"resumed": before, "aborted": "none", "reverted": "none", "waiting": "finished"}.get(state, state)
    return Step(before, after, pending)


def _refused(move: states.Move, state: str, cause: str, remedy: str = _RUN_AGAIN) -> ConflictError:
    return ConflictError(f"bring the move {move.migration} of server {move.server} to {state!r}", cause, remedy)


def _check_run(move: states.Move, state: str, found: Found) -> None:
    """Of two runs, the one that does not hold the server ends here, whether or not there is anything left to do."""
    resting = found.phase in states.RESTING_PHASES
    if found.seat.instance is None or (resting and state not in (*_TAKING, "resumed")):
        return
    previous = (move.previous_run,) if state == "resumed" else ("",) if state in _TAKING else ()
    Hold(move.server, move.run, move.now, previous).check(found.run)


def _is_there(state: str, found: Found) -> bool:
    """Whether there is nothing to do for a state."""
    if state == "resumed":  # nobody's place is taken at rest, nor of a server that its owner has deleted
        return found.seat.instance is None or (found.phase in states.RESTING_PHASES and not found.run)
    if state == "aborted":
        return found.phase == "none"
    if state == "waiting":
        return found.phase == "finished"
    if state == "reverted":
        return found.phase == "none" and found.here.status == "reverted"
    if state in _TOLD_AT_ONCE and state == found.phase:
        return False
    path = states.PHASES if state in states.PHASES else states.REVERT_PHASES
    return found.phase in path and path.index(found.phase) >= path.index(state)


def _transactions(
    cells: Cells, source: Cell, target: Cell, move: states.Move, state: str, found: Found
) -> list[Transaction]:
    here, there, cell_ids = found.here, found.there, (source.id, target.id)
    specs = cells.api.select("request_specs", instance_uuid=move.server)
    spec = str(specs[0]["spec"]) if specs else None
    if state in ("aborted", "reverted"):
        _check_rows_are_gone(move, state, found, target)
    if state == "waiting" and found.home.id != target.id:  # a return that was cut short right after the flip
        raise _refused(move, state, f"the server lives in {source.name} again already.")
    planners = {
        "started": lambda: transitions.started(move, here),
        "resumed": lambda: transitions.resumed(move, found.phase, here, there),
        "prepared": lambda: transitions.prepared(move, here, there),
        "stopping": lambda: transitions.stopping(move, here),
        "departed": lambda: transitions.departed(move, here, there),
        "finished": lambda: transitions.finished(move, here, there, cell_ids, spec),
        "confirming": lambda: transitions.confirming(move, here, there),
        "confirmed": lambda: transitions.confirmed(move, there),
        "reverting": lambda: revert.reverting(move, here, there, spec),
        "returned": lambda: revert.returned(move, here, there, cell_ids, _events(cells.database(target), there)),
        "reverted": lambda: revert.reverted(move, here),
        "waiting": lambda: (
            transitions.unconfirmed(move, here, there)
            if found.phase == "confirming"
            else revert.unreverted(move, here, there, spec)
        ),
        "aborted": lambda: transitions.aborted(move, here),
    }
    return planners[state]()


def _events(database: Database, view: states.CellView) -> dict[Value, list[Row]]:
    return {row["id"]: rows.read_events(database, row) for row in view.actions}


def _check_rows_are_gone(move: states.Move, state: str, found: Found, target: Cell) -> None:
    if found.home.id == target.id:
        raise _refused(
            move, state, f"the server lives in {target.name} already.", "Run the playbook again: it finishes the move."
        )
    if found.there.instance is not None:
        raise _refused(
            move, state, f"its rows are still in {target.name}.", "Delete them first (instance_rows, state absent)."
        )
