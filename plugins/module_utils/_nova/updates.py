# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of which every step of a move is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import Change, Update
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView, Move

RUNNING, PAUSED, SHUTDOWN = 1, 3, 4  # nova.compute.power_state


def instance_of(cell: CellView) -> Row:
    """The instance, with the row that belongs to it.

    :raises ConflictError: it is not there
    """
    if cell.instance is None or cell.extra is None:
        raise ConflictError(
            "plan the next step of a move",
            "the instance is not there any more.",
            "Look with server_move_info. If its owner has deleted it, roll the move back.",
        )
    return cell.instance


def migration_of(cell: CellView) -> Row:
    """The migration.

    :raises ConflictError: it is not there
    """
    if cell.migration is None:
        raise ConflictError(
            "plan the next step of a move",
            "the cell does not have its migration.",
            "Look with server_move_info in which cell the server's rows are; instance_rows copies them.",
        )
    return cell.migration


def flavors_of(cell: CellView) -> objects.Document:
    """The flavors that the instance has (``cur``), had (``old``) and is to have (``new``)."""
    return objects.stored_flavors(str(cell.extra["flavor"] if cell.extra else ""))


def set_flavors(
    move: Move,
    cell: CellView,
    cur: objects.Document,
    old: objects.Document | None,
    new: objects.Document | None,
    **others: Value,
) -> Update:
    """New flavors, and other columns of the same row."""
    text = objects.with_flavors(str(cell.extra["flavor"] if cell.extra else ""), cur, old, new)
    return set_extra(move, flavor=text, **others)


def set_extra(move: Move, **values: Value) -> Update:
    """New values for ``instance_extra``."""
    where: dict[str, Value] = {"instance_uuid": move.server, "deleted": 0}
    return Update("instance_extra", where, {**values, "updated_at": move.now})


def set_instance(move: Move, expect: Mapping[str, Sequence[Value]], **values: Value) -> Update:
    """New values for the instance, if it still has what *expect* allows."""
    where: dict[str, Value] = {"uuid": move.server, "deleted": 0}
    return Update("instances", where, {**values, "updated_at": move.now}, expect)


def set_migration(move: Move, statuses: Sequence[Value], **values: Value) -> Update:
    """New values for the migration, if its status is one of those."""
    return Update("migrations", {"uuid": move.migration}, {"updated_at": move.now, **values}, {"status": statuses})


def set_mapping(move: Move, cell_ids: tuple[int, int]) -> Update:
    """The server's mapping, from the first cell (``cell_mappings.id``) to the second, unless its owner deletes it."""
    return Update(
        "instance_mappings",
        {"instance_uuid": move.server},
        {"cell_id": cell_ids[1], "updated_at": move.now},
        {"cell_id": (cell_ids[0],), "queued_for_delete": (None, 0)},
    )


def set_network_info(move: Move, text: str) -> Update:
    """The cached network information, as the active bindings have it."""
    where: dict[str, Value] = {"instance_uuid": move.server, "deleted": 0}
    values: dict[str, Value] = {"network_info": objects.bound_network_info(text, move.bindings)}
    return Update("instance_info_caches", where, {**values, "updated_at": move.now})


def set_volumes(move: Move, cell: CellView, side: str, connected: bool) -> list[Change]:
    """The attachments of one side, ``source`` or ``destination``, in that side's cell."""
    changes: list[Change] = []
    for row in cell.volumes:
        values = attachment(move, row["volume_id"], side, connected)
        if values:
            changes.append(Update("block_device_mapping", {"uuid": row["uuid"]}, {**values, "updated_at": move.now}))
    return changes


def attachment(move: Move, volume_id: Value, side: str, connected: bool) -> dict[str, Value]:
    """The columns of a block device mapping that are one side's own; empty where nothing is known of the volume."""
    volume = move.volumes.get(str(volume_id), {})
    values: dict[str, Value] = {}
    if volume.get(f"{side}_attachment_id"):
        values["attachment_id"] = str(volume[f"{side}_attachment_id"])
        if connected and volume.get("connection_info"):
            values["connection_info"] = json.dumps(volume["connection_info"])
    return values
