# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Four runs for one server at once: how many proceed?

First each has a move of its own, then all want the place of the one that has won and is dead.
"""

from __future__ import annotations

import datetime
import sys
import threading
import uuid

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import states, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells

RUNS, ROUNDS = 4, 5


class Run(threading.Thread):
    """One run: it plans its first step, waits until all have planned theirs, and applies it."""

    def __init__(self, url: str, move: states.Move, state: str, planned: threading.Barrier) -> None:
        super().__init__()
        self._url, self._state, self._planned = url, state, planned
        self.move = move
        self.refused: str | None = None

    def run(self) -> None:
        cells = Cells(self._url, self._url)
        step = plan(cells, self.move, self._state)
        self._planned.wait()
        try:
            step.apply()
        except ConflictError as error:
            self.refused = str(error)


def plan(cells: Cells, move: states.Move, state: str) -> steps.Step:
    """One step of a move from cell1 to cell2."""
    return steps.plan(cells, cells.by_uuid("cell1"), cells.by_uuid("cell2"), move, state)


def race(url: str, moves: list[states.Move], state: str, told: str) -> states.Move:
    """Let them race; whoever comes second must be told what is now, not what was when it planned."""
    planned = threading.Barrier(RUNS)
    runs = [Run(url, move, state, planned) for move in moves]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    proceeded = [run.move for run in runs if run.refused is None]
    refused = [run for run in runs if run.refused and told in run.refused]
    print(f"{len(proceeded)} has {state}, {len(refused)} were refused")
    return proceeded[0]


def main(url: str, server: str) -> None:
    """Race for the server, then for the place of the run that has won it, and give the server back."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    for _round in range(ROUNDS):
        moves = [states.Move(server, str(uuid.uuid4()), now, "here", run=f"run {number}") for number in range(RUNS)]
        first = race(url, moves, "started", "it has task_state=resize_prep")
        heirs = [
            states.Move(server, first.migration, now, "here", run=f"heir {number}", previous_run=first.run)
            for number in range(RUNS)
        ]
        last = race(url, heirs, "resumed", "another run has taken it over: heir")
        plan(Cells(url, url), last, "aborted").apply()


main(*sys.argv[1:])
