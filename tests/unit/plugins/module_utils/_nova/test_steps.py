# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which step may be made from where, and by which run; the databases themselves are the integration targets'."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import Transaction
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import RUN_KEY, CellView, seat
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._nova.planned import (
    COLD,
    EMPTY,
    RUN,
    with_instance,
    with_migration,
)

SOURCE = Cell(2, "uuid-1", "cell1", "")
TARGET = Cell(3, "uuid-2", "cell2", "")
# Each state, with the phases that it is made from.
FROM = [(state, phase) for state, phases in steps.STATES.items() for phase in phases]


class NoRows:
    """A database in which nothing is found, and nothing was committed."""

    def select(self, table: str, **where: str) -> list[Row]:
        """Find nothing."""
        return []


class FakeCells:
    """The databases of both cells and of the API."""

    api = NoRows()

    def database(self, cell: Cell) -> NoRows:
        """That of a cell."""
        return NoRows()


@pytest.fixture
def found(view: CellView) -> steps.Found:
    """A server in both cells, held by nobody."""
    here = with_instance(with_migration(view, dest_compute="dst", status="reverting"), task_state="resize_migrated")
    return steps.Found(SOURCE, here, here, "none", False)


def at(found: steps.Found, phase: str, run: str = "") -> steps.Found:
    """It is in a phase, and a run holds it."""
    held = {RUN_KEY: run} if run else {}
    here = replace(found.here, metadata=held if seat(phase) == "source" else {})
    there: CellView = replace(found.there, metadata=held if seat(phase) == "target" else {})
    home = TARGET if phase in ("finished", "confirming", "confirmed", "reverting") else SOURCE
    if phase in ("returned", "none", "started"):
        there = EMPTY
    return steps.Found(home, here, there, phase, found.deleted)


def planned(monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, previous_run: str = "") -> steps.Step:
    monkeypatch.setattr(steps, "where", lambda *_arguments: found)
    move = replace(COLD, previous_run=previous_run)
    cells: Any = FakeCells()
    return steps.plan(cells, SOURCE, TARGET, move, state)


@pytest.mark.parametrize(("state", "phase"), FROM)
def test_each_step_is_made_from_the_phase_before(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str
) -> None:
    holder = "" if state in ("started", "confirming", "reverting") else RUN
    assert planned(monkeypatch, at(found, phase, holder), state).transactions


@pytest.mark.parametrize(("state", "phase"), FROM)
@pytest.mark.parametrize("holder", ["another run", ""])
def test_of_two_runs_the_one_that_does_not_hold_the_server_ends(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str, holder: str
) -> None:
    if holder == "" and state in ("started", "confirming", "reverting"):
        return
    with pytest.raises(ConflictError, match="another run has taken it over" if holder else "no run has taken it over"):
        planned(monkeypatch, at(found, phase, holder), state)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("started", "prepared"),
        ("prepared", "departed"),
        ("stopping", "stopping"),
        ("confirmed", "confirming"),
        ("aborted", "copied"),
    ],
)
def test_it_ends_there_whether_or_not_there_is_anything_to_do(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str
) -> None:
    with pytest.raises(ConflictError, match="another run has taken it over: another run"):
        planned(monkeypatch, at(found, phase, "another run"), state)


@pytest.mark.parametrize(
    ("state", "phase", "holder"),
    [
        ("started", "started", RUN),
        ("started", "departed", RUN),
        ("prepared", "stopping", RUN),
        ("finished", "finished", ""),
        ("departed", "finished", ""),
        ("confirmed", "confirmed", ""),
        ("returned", "returned", RUN),
        ("reverting", "returned", RUN),
        ("aborted", "none", ""),
        ("resumed", "none", ""),
        ("resumed", "finished", ""),
        ("waiting", "finished", ""),
    ],
)
def test_what_is_there_already_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str, holder: str
) -> None:
    step = planned(monkeypatch, at(found, phase, holder), state)
    assert (step.transactions, step.phase_before, step.phase_after) == ((), phase, phase)


def test_a_move_that_is_reverted_is_not_reverted_again(monkeypatch: pytest.MonkeyPatch, found: steps.Found) -> None:
    over = at(found, "none")
    reverted = replace(over, here=with_migration(over.here, status="reverted"))
    assert planned(monkeypatch, reverted, "reverted").transactions == ()
    with pytest.raises(ConflictError, match="must be 'returned' for this step"):
        planned(monkeypatch, over, "reverted")


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("departed", "prepared"),
        ("finished", "stopping"),
        ("confirming", "departed"),
        ("reverting", "departed"),
        ("finished", "reverting"),
        ("confirming", "reverting"),
        ("confirmed", "returned"),
        ("reverting", "confirming"),
        ("returned", "confirming"),
        ("returned", "finished"),
        ("waiting", "departed"),
        ("waiting", "confirmed"),
        ("waiting", "returned"),
    ],
)
def test_no_step_is_left_out(monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str) -> None:
    holder = "" if phase == "finished" else RUN
    with pytest.raises(ConflictError, match=f"it is '{phase}', and must be '{steps.STATES[state][0]}'"):
        planned(monkeypatch, at(found, phase, holder), state)


@pytest.mark.parametrize(("state", "phase"), [("confirming", "confirming"), ("reverting", "reverting")])
@pytest.mark.parametrize("holder", [RUN, ""])
def test_a_step_that_was_cut_short_goes_on(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str, holder: str
) -> None:
    """It is told by the first of its transactions, before the last has noted the run."""

    def is_done(transaction: Transaction, _database: Database) -> bool:
        return transaction.database == "target"

    monkeypatch.setattr(Transaction, "is_done", is_done)
    step = planned(monkeypatch, at(found, phase, holder), state)
    assert [transaction.database for _database, transaction in step.transactions] == ["source"]


@pytest.mark.parametrize(
    ("state", "phase"), [("departed", "stopping"), ("finished", "departed"), ("returned", "reverting")]
)
def test_a_server_that_its_owner_deletes_is_not_started_anew(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str
) -> None:
    deleted = replace(at(found, phase, RUN), deleted=True)
    with pytest.raises(ConflictError, match="its owner has deleted the server"):
        planned(monkeypatch, deleted, state)


def test_a_server_that_its_owner_has_deleted_is_held_by_nobody(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found
) -> None:
    gone = replace(at(found, "started"), here=replace(found.here, instance=None, metadata={}), deleted=True)
    assert planned(monkeypatch, gone, "resumed").transactions == ()
    assert planned(monkeypatch, gone, "aborted").phase_after == "none"


@pytest.mark.parametrize(("state", "phase"), [("aborted", "departed"), ("reverted", "returned")])
def test_the_copied_rows_go_first(monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str, phase: str) -> None:
    left = replace(at(found, phase, RUN), there=found.there)
    with pytest.raises(ConflictError, match="its rows are still in cell2"):
        planned(monkeypatch, left, state)


def test_a_server_that_has_moved_is_not_given_back(monkeypatch: pytest.MonkeyPatch, found: steps.Found) -> None:
    with pytest.raises(ConflictError, match="the server lives in cell2 already"):
        planned(monkeypatch, at(found, "finished"), "aborted")


def test_a_revert_whose_server_lives_at_its_source_again_is_not_taken_back(
    monkeypatch: pytest.MonkeyPatch, found: steps.Found
) -> None:
    """Its run was killed right after the flip."""
    with pytest.raises(ConflictError, match="the server lives in cell1 again already"):
        planned(monkeypatch, replace(at(found, "reverting", RUN), home=SOURCE), "waiting")


def test_what_is_taken_back_is_finished(monkeypatch: pytest.MonkeyPatch, found: steps.Found) -> None:
    for phase, order in (("confirming", ["source", "target"]), ("reverting", ["target", "source"])):
        step = planned(monkeypatch, at(found, phase, RUN), "waiting")
        # The one that keeps the run's name is the last.
        assert [transaction.database for _database, transaction in step.transactions] == order
        assert step.phase_after == "finished"


@pytest.mark.parametrize("state", [*steps.STATES])
def test_what_nobody_understands_is_left_alone(monkeypatch: pytest.MonkeyPatch, found: steps.Found, state: str) -> None:
    with pytest.raises(ConflictError, match="neither Nova nor a move of ours"):
        planned(monkeypatch, replace(at(found, "none"), phase="foreign"), state)


@pytest.mark.parametrize("phase", ["prepared", "departed", "reverting", "returned", "confirming"])
def test_taking_over(monkeypatch: pytest.MonkeyPatch, found: steps.Found, phase: str) -> None:
    step = planned(monkeypatch, at(found, phase, "dead"), "resumed", previous_run="dead")
    assert (len(step.transactions), step.phase_after) == (1, phase)
    with pytest.raises(ConflictError, match="another run has taken it over: dead"):
        planned(monkeypatch, at(found, phase, "dead"), "resumed", previous_run="somebody else")
    with pytest.raises(ConflictError, match="another run has taken it over: dead"):
        planned(monkeypatch, at(found, phase, "dead"), "resumed")
