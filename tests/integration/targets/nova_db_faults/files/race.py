# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Four runs for one server at once, each with a migration of its own: how many proceed?"""

from __future__ import annotations

import sys
import threading
import uuid

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import states, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells

RUNS, ROUNDS = 4, 5


class Run(threading.Thread):
    """One run: it plans the first step, waits until all have planned it, and applies it."""

    def __init__(self, url: str, server: str, planned: threading.Barrier) -> None:
        super().__init__()
        self._url, self._server, self._planned = url, server, planned
        self.migration = str(uuid.uuid4())
        self.refused: str | None = None

    def run(self) -> None:
        cells = Cells(self._url, self._url)
        step = plan(cells, self._server, self.migration, "started")
        self._planned.wait()
        try:
            step.apply()
        except ConflictError as error:
            self.refused = str(error)


def plan(cells: Cells, server: str, migration: str, state: str) -> steps.Step:
    """One step of a move from cell1 to cell2."""
    move = states.Move(server, migration, "2026-11-21 12:00:00", "controller")
    return steps.plan(cells, cells.by_uuid("cell1"), cells.by_uuid("cell2"), move, state)


def main(url: str, server: str) -> None:
    """Let them race, and after each round give the server back."""
    for _round in range(ROUNDS):
        planned = threading.Barrier(RUNS)
        runs = [Run(url, server, planned) for _run in range(RUNS)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        proceeded = [run for run in runs if run.refused is None]
        # Each has planned before any has applied: whoever comes second must be told what it is now, not what it was.
        told = [run for run in runs if run.refused and "it has task_state=resize_prep" in run.refused]
        print(f"{len(proceeded)} proceeded, {len(told)} were refused")
        cells = Cells(url, url)
        plan(cells, server, proceeded[0].migration, "aborted").apply()


main(*sys.argv[1:])
