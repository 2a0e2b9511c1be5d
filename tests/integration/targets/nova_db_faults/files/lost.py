# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A step whose connection is lost half-way: the operator is told so, and not of what could not be undone for it."""

from __future__ import annotations

import sys
from dataclasses import replace

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import states, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database


class Loses:
    """A change in whose midst the server ends the connection."""

    def apply(self, database: Database) -> None:
        """End it."""
        database.execute(f"KILL {database.query('SELECT CONNECTION_ID() AS id')[0]['id']}")


def main(url: str, server: str) -> None:
    """Begin a move, and lose the connection after its first change."""
    cells = Cells(url, url)
    source, target = cells.by_uuid("cell1"), cells.by_uuid("cell2")
    move = states.Move(server, "5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b55", "2026-11-21 12:00:00", "controller")
    ((database, transaction),) = steps.plan(cells, source, target, move, "started").transactions
    try:
        replace(transaction, changes=(Loses(), *transaction.changes)).apply(database)
    except StackmoveError as error:
        print(error)
    again = Cells(url, url)
    if again.database(source).one("instances", uuid=server)["task_state"] is not None:
        raise RuntimeError("half of the step was made")


main(*sys.argv[1:])
