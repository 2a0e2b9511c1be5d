# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moves and views for the tests of the planners, and what a planned transaction holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    FinishEvent,
    Hold,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    Update,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView, Destination, Move

SERVER = "518e2a6d-2e56-4163-9fa3-7938e39f87fb"
MIGRATION = "0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33"
VOLUME = "790dc7d2-09f6-4aa5-9baf-6de462c7d020"
NOW = "2026-11-21 12:00:00"
EARLIER = "2026-11-21 11:59:00"
EMPTY = CellView(None, None, None, {}, [], "[]")
RUN = '{"host": "controller", "pid": 4711}'
COLD = Move(SERVER, MIGRATION, NOW, "controller", Destination("dst", "dst-node", 7, "192.0.2.7", "zone2"), run=RUN)


def moved(**values: Any) -> Row:
    """A migration of ours."""
    row: Row = {
        "id": 51,
        "uuid": MIGRATION,
        "status": "pre-migrating",
        "updated_at": EARLIER,
        "source_compute": "src",
        "dest_compute": None,
        "dest_node": None,
        "dest_compute_id": None,
    }
    return {**row, **values}


def with_migration(cell: CellView, **values: Any) -> CellView:
    return replace(cell, migration=moved(**values))


def with_instance(cell: CellView, **values: Any) -> CellView:
    return replace(cell, instance={**(cell.instance or {}), **values})


def updates(transaction: Transaction, table: str) -> list[Update]:
    changes = (transaction.marker, *transaction.changes)
    return [change for change in changes if isinstance(change, Update) and change.table == table]


def update(transaction: Transaction, table: str) -> Update:
    (found,) = updates(transaction, table)
    return found


def values(transaction: Transaction, table: str) -> Row:
    """All that a transaction writes to the one row of a table."""
    return {name: value for change in updates(transaction, table) for name, value in change.values.items()}


def guards(transaction: Transaction) -> dict[str, tuple[Value, ...]]:
    """What a transaction needs of its rows: of two guards for one column, the first."""
    found: dict[str, tuple[Value, ...]] = {}
    for change in (transaction.marker, *transaction.changes):
        for column, allowed in change.expect.items() if isinstance(change, Update) else ():
            found.setdefault(column, tuple(allowed))
    return found


def holds(transaction: Transaction) -> list[tuple[str, tuple[str, ...]]]:
    """Which run a transaction is guarded by, and whose place it may take."""
    return [(change.run, change.previous) for change in transaction.changes if isinstance(change, Hold)]


def inserts(transaction: Transaction) -> dict[str, Insert]:
    return {change.table: change for change in transaction.changes if isinstance(change, Insert)}


def events(transaction: Transaction) -> list[tuple[str, str, str]]:
    return [
        ("start" if isinstance(change, StartEvent) else "finish", change.request_id, change.event)
        for change in transaction.changes
        if isinstance(change, (StartEvent, FinishEvent))
    ]


def metadata(transaction: Transaction) -> dict[str, str | None]:
    return {change.key: change.value for change in transaction.changes if isinstance(change, SetMetadata)}


def flavors(transaction: Transaction) -> dict[str, str | None]:
    """The names of the flavors that a transaction leaves with the server."""
    stored = json.loads(str(update(transaction, "instance_extra").values["flavor"]))
    return {key: objects.flavor_data(value)["name"] if value else None for key, value in stored.items()}
