# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of one server in a cell's database: read, planned for another cell, written, deleted.

Nova clones the fields which it happens to have loaded, object by object, each in a transaction of
its own (``nova.conductor.tasks.cross_cell_migrate.TargetDBSetupTask``); what was not loaded is
lost (LP 2108974). Here a row is a row: every column, its raw value, and one transaction for all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import (
    Database,
    Row,
    Value,
)


@dataclass(frozen=True)
class Table:
    """A table that holds rows of an instance."""

    name: str
    owner: str = "instance_uuid"  # the column that names the instance
    unique: str | None = None  # a column whose value may occur once, soft-deleted rows included


# Parents before children, as the foreign keys want them. Not among them, because they belong to a
# host, are made anew on demand, or are usage records: pci_devices, services, console_auth_tokens,
# volume_usage_cache, task_log, security_group_instance_association (nova-network's).
COPIED_TABLES = (
    Table("instances", owner="uuid", unique="uuid"),
    Table("instance_extra"),
    Table("instance_info_caches", unique="instance_uuid"),
    Table("instance_metadata"),
    Table("instance_system_metadata"),
    Table("instance_faults"),
    Table("instance_id_mappings", owner="uuid"),
    Table("block_device_mapping", unique="uuid"),
    Table("virtual_interfaces", unique="uuid"),
    Table("tags", owner="resource_id"),
    Table("migrations", unique="uuid"),
    Table("instance_actions"),
)
_EVENTS = "instance_actions_events"

# The key of instance_system_metadata that names the run which works on the server. It stays in its cell.
RUN_KEY = "stackmove_run"

# Children first. Nova's order (nova.db.main.api.instance_destroy with hard_delete), plus share_mapping,
# whose foreign key Nova's own hard delete runs into.
_DELETED_TABLES = (
    ("security_group_instance_association", "instance_uuid"),
    ("instance_info_caches", "instance_uuid"),
    ("instance_metadata", "instance_uuid"),
    ("instance_faults", "instance_uuid"),
    ("instance_extra", "instance_uuid"),
    ("instance_system_metadata", "instance_uuid"),
    ("block_device_mapping", "instance_uuid"),
    ("migrations", "instance_uuid"),
    ("virtual_interfaces", "instance_uuid"),
    ("share_mapping", "instance_uuid"),
    ("instance_id_mappings", "uuid"),
    ("tags", "resource_id"),
    ("console_auth_tokens", "instance_uuid"),
)

_SECRET_COLUMNS = frozenset({"connection_info", "user_data", "access_url_base", "token_hash"})
REDACTED = "(redacted)"

Rows = dict[str, list[Row]]


def read_rows(database: Database, server: str) -> Rows:
    """Every live row of a server, by table; soft-deleted rows stay where they are.

    :param server: uuid of the instance
    """
    rows: Rows = {}
    for table in COPIED_TABLES:
        columns = database.columns(table.name)
        if columns:
            live: dict[str, Value] = {"deleted": 0} if "deleted" in columns else {}
            rows[table.name] = database.select(table.name, **{table.owner: server}, **live)
    rows[_EVENTS] = database.query(
        "SELECT e.* FROM instance_actions a JOIN instance_actions_events e ON e.action_id = a.id"
        " WHERE a.instance_uuid = %s ORDER BY e.id",
        (server,),
    )
    return rows


def read_events(database: Database, action: Row) -> list[Row]:
    """The events of an action."""
    return database.select(_EVENTS, action_id=action["id"])


def plan_copy(rows: Rows, target_columns: Mapping[str, Iterable[str]]) -> Rows:
    """The rows as the target cell shall hold them until the flip.

    The instance is hidden; ids which mean something in the source cell only are dropped (each row's
    own ``id``, ``compute_id``, ``dest_compute_id``) or forgotten (``migration_context`` names a
    migration by its cell-local id). ``instance_actions.id`` and ``instance_actions_events.action_id``
    keep the source's values here: :func:`write_rows` puts the new ones in when it knows them.

    :param rows: what :func:`read_rows` returned for the source
    :param target_columns: columns of the target cell's tables
    :raises UnsupportedError: the target cell's schema has no room for a value
    """
    planned: Rows = {}
    for table, table_rows in rows.items():
        known = set(target_columns.get(table, ()))
        planned[table] = [_planned_row(table, row, known) for row in table_rows if not _names_run(table, row)]
    return planned


def _names_run(table: str, row: Row) -> bool:
    return table == "instance_system_metadata" and row["key"] == RUN_KEY


def _planned_row(table: str, row: Row, known: set[str]) -> Row:
    new = dict(row)
    if table == "instances":
        new["hidden"] = 1
    for column in ("compute_id", "dest_compute_id", "migration_context"):
        if column in new:
            new[column] = None
    planned = fitted(table, new, known)
    return {**planned, "id": new["id"]} if table == "instance_actions" else planned


def fitted(table: str, row: Row, known: Collection[str]) -> Row:
    """A row of one cell as another cell's table takes it: without its id, and without empty columns that are not known.

    :raises UnsupportedError: the table has no column for a value
    """
    new = {column: value for column, value in row.items() if column != "id"}
    lost = [column for column, value in new.items() if column not in known and value is not None]
    if lost:
        raise UnsupportedError(
            f"copy a row of {table} to another cell",
            f"its schema has no column {', '.join(sorted(lost))}, and the row has a value in it.",
            "Bring both cells' databases to one Nova release (nova-manage db sync) and run again.",
        )
    return {column: value for column, value in new.items() if column in known}


def leftovers(database: Database, planned: Rows) -> list[str]:
    """Rows in the target cell, deleted ones too, that would collide with the planned copy.

    :returns: a description of each; empty when the way is free
    """
    found = []
    for table in COPIED_TABLES:
        if table.unique is None:
            continue
        for row in planned.get(table.name, []):
            value = row[table.unique]
            column = table.unique
            extra: dict[str, Value] = {}
            if table.name == "virtual_interfaces":  # unique by (address, deleted); uuid has no index
                column, value, extra = "address", row["address"], {"deleted": row["deleted"]}
            if database.select(table.name, **{column: value}, **extra):
                found.append(f"{table.name} with {column} {value}")
    return found


def is_copied(database: Database, server: str, migration: str) -> bool:
    """Whether the cell holds the server's rows, brought there by this migration.

    :raises ConflictError: it holds rows of the server which another move brought there
    """
    if not database.select("instances", uuid=server):
        return False
    if not database.select("migrations", uuid=migration, instance_uuid=server):
        raise ConflictError(
            f"copy server {server} to {database.name}",
            f"that cell already holds an instance with this uuid, which migration {migration} did not make.",
            "Look with server_move_info. Where it does not live, instance_rows (state absent) deletes its rows.",
        )
    return True


def is_brought_by(database: Database, home: Database, server: str, migration: str) -> bool:
    """Whether the server's rows in a cell in which it does not live are there by this migration.

    Nova copies the migrations last. Where its conductor has died before that, the migration is not among the rows, but
    under way at *home*, where the server lives, and they are hidden.
    """
    if database.select("migrations", uuid=migration, instance_uuid=server):
        return True
    begun = home.select("migrations", uuid=migration, instance_uuid=server, status="pre-migrating", cross_cell_move=1)
    return bool(begun) and all(row["hidden"] for row in database.select("instances", uuid=server))


def write_rows(database: Database, planned: Rows) -> None:
    """Insert the planned rows, read them again, and commit: all of them, or none.

    :raises StackmoveError: the database refuses, or holds something else than it was given; nothing was written
    """
    action_ids: dict[Value, int] = {}
    try:
        for table, table_rows in planned.items():
            for row in table_rows:
                values = dict(row)
                if table == "instance_actions":
                    old_id = values.pop("id")
                    action_ids[old_id] = insert(database, table, values)
                elif table == _EVENTS:
                    values["action_id"] = action_ids[values["action_id"]]
                    insert(database, table, values)
                else:
                    insert(database, table, values)
        _check_copy(database, planned)
        database.commit()
    except StackmoveError:
        database.rollback()
        raise


def _check_copy(database: Database, planned: Rows) -> None:
    server = str(planned["instances"][0]["uuid"])
    differences = row_differences(planned, read_rows(database, server))
    if differences:
        raise StackmoveError(
            f"copy the rows of server {server} to {database.name}",
            f"it holds something else than it was given ({'; '.join(differences)}).",
            "Bring both cells' databases to one schema, one character set and one collation.",
        )


def insert(database: Database, table: str, values: Row) -> int:
    """Insert one row, and return its id."""
    columns = ", ".join(f"`{column}`" for column in values)
    marks = ", ".join(["%s"] * len(values))
    _matched, row_id = database.execute(f"INSERT INTO `{table}` ({columns}) VALUES ({marks})", list(values.values()))
    return row_id


def count_rows(database: Database, server: str) -> dict[str, int]:
    """How many rows a hard delete would remove, by table; tables with none are left out."""
    counts: dict[str, int] = {}
    for table, owner in (
        *_DELETED_TABLES,
        ("instance_actions", "instance_uuid"),
        ("instances", "uuid"),
    ):
        if database.columns(table):
            found = database.query(f"SELECT COUNT(*) AS n FROM `{table}` WHERE `{owner}` = %s", (server,))
            if found[0]["n"]:
                counts[table] = int(found[0]["n"])
    return counts


def delete_rows(database: Database, server: str) -> None:
    """Delete a server from a cell, leaving not even soft-deleted rows (a later move would collide).

    The caller has made sure that the server lives in another cell.

    :raises StackmoveError: the database refuses; nothing was deleted
    """
    try:
        for table, owner in _DELETED_TABLES:
            if database.columns(table):
                database.execute(f"DELETE FROM `{table}` WHERE `{owner}` = %s", (server,))
        database.execute(
            "DELETE e FROM instance_actions a JOIN instance_actions_events e ON e.action_id = a.id"
            " WHERE a.instance_uuid = %s",
            (server,),
        )
        database.execute("DELETE FROM instance_actions WHERE instance_uuid = %s", (server,))
        database.execute("DELETE FROM instances WHERE uuid = %s", (server,))
        database.commit()
    except StackmoveError:
        database.rollback()
        raise


def redacted(table: str, row: Row) -> Row:
    """A row as it may be shown: columns and system metadata that hold secrets are blanked."""
    secret_value = table == "instance_system_metadata" and str(row.get("key", "")).startswith("password")
    return {
        column: REDACTED
        if value is not None and (column in _SECRET_COLUMNS or (column == "value" and secret_value))
        else value
        for column, value in row.items()
    }


def row_differences(source: Rows, target: Rows) -> list[str]:
    """Where the copy in the target differs from its source, ids aside: the proof of a row copy.

    Rows are matched by what identifies them across cells (uuid, key, tag, request id).
    """
    differences = []
    for table, source_rows in source.items():
        wanted = {_identity(table, row): row for row in source_rows}
        found = {_identity(table, row): row for row in target.get(table, [])}
        differences += [f"{table} {key}: missing" for key in wanted.keys() - found.keys()]
        for key in wanted.keys() & found.keys():
            differences += [
                f"{table} {key}: {column} differs"
                for column, value in wanted[key].items()
                if column in found[key] and column not in ("id", "action_id") and found[key][column] != value
            ]
    return sorted(differences)


def _identity(table: str, row: Row) -> tuple[Value, ...]:
    by = {
        "instance_metadata": ("key",),
        "instance_system_metadata": ("key",),
        "tags": ("tag",),
        "instance_faults": ("created_at", "code", "message"),
        "instance_actions": ("request_id", "action", "start_time"),
        _EVENTS: ("event", "start_time", "created_at"),
    }.get(table, ("uuid",) if "uuid" in row else ("instance_uuid",))
    return tuple(row[column] for column in by)
