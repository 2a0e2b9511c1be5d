# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to Nova's rows, decided before they are made: shown in check mode, guarded when applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    StackmoveError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova import rows
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import (
    Database,
    Row,
    Value,
)

# Columns that newer Nova releases have and older ones do not: left out where they are missing.
_NEWER_COLUMNS = frozenset({"compute_id", "dest_compute_id", "details"})


@dataclass(frozen=True)
class Update:
    """New values for the rows that *where* names, if they still hold what *expect* allows."""

    table: str
    where: Mapping[str, Value]
    values: Mapping[str, Value]
    expect: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    def apply(self, database: Database) -> None:
        """Compare and swap.

        :raises ConflictError: no row is as expected: somebody else has changed it
        """
        known = database.columns(self.table)
        values = {c: v for c, v in self.values.items() if c in known or c not in _NEWER_COLUMNS}
        clauses, arguments = [], list(values.values())
        for column, value in self.where.items():
            clauses.append(f"`{column}` = %s")
            arguments.append(value)
        for column, allowed in self.expect.items():
            clause, allowed_arguments = _one_of(column, allowed)
            clauses.append(clause)
            arguments += allowed_arguments
        assignments = ", ".join(f"`{column}` = %s" for column in values)
        matched, _row_id = database.execute(
            f"UPDATE `{self.table}` SET {assignments} WHERE {' AND '.join(clauses)}", arguments
        )
        if not matched:
            self._conflict(database)

    def _conflict(self, database: Database) -> None:
        # What was read before this is one snapshot: without a new one we would tell what the row was, not what it is.
        database.rollback()
        found = database.select(self.table, **dict(self.where))
        now = (
            "there is no such row"
            if not found
            else "it has " + ", ".join(f"{column}={found[0][column]}" for column in self.expect)
        )
        wanted = ", ".join(f"{column} in {tuple(allowed)}" for column, allowed in self.expect.items())
        raise ConflictError(
            f"update {self.table} {dict(self.where)} in {database.name}",
            f"{now}, and this step needs {wanted or 'the row'}.",
            "Another run, a user or Nova itself holds the server; wait for it, then run again.",
        )


@dataclass(frozen=True)
class Insert:
    """One new row."""

    table: str
    values: Mapping[str, Value]

    def apply(self, database: Database) -> None:
        """Insert it, without the columns that this release does not have yet.

        :raises UnsupportedError: it has a value for another column that this cell does not have
        """
        values = {c: v for c, v in self.values.items() if c not in _NEWER_COLUMNS or c in database.columns(self.table)}
        rows.insert(database, self.table, rows.fitted(self.table, values, database.columns(self.table)))


@dataclass(frozen=True)
class Delete:
    """The rows that *where* names, for good; there need not be any."""

    table: str
    where: Mapping[str, Value]

    def apply(self, database: Database) -> None:
        """Delete them."""
        clauses = " AND ".join(f"`{column}` = %s" for column in self.where)
        database.execute(f"DELETE FROM `{self.table}` WHERE {clauses}", list(self.where.values()))


@dataclass(frozen=True)
class SetMetadata:
    """A key of ``instance_system_metadata``; None deletes its row, as Nova does (other metadata it deletes softly)."""

    server: str
    key: str
    value: str | None
    now: str

    def apply(self, database: Database) -> None:
        """Update, insert or delete the key."""
        table = "instance_system_metadata"
        where = "instance_uuid = %s AND `key` = %s AND deleted = 0"
        if self.value is None:
            database.execute(f"DELETE FROM {table} WHERE {where}", (self.server, self.key))
            return
        matched, _row_id = database.execute(
            f"UPDATE {table} SET value = %s, updated_at = %s WHERE {where}",
            (self.value, self.now, self.server, self.key),
        )
        if not matched:
            rows.insert(
                database,
                table,
                {
                    "created_at": self.now,
                    "instance_uuid": self.server,
                    "key": self.key,
                    "value": self.value,
                    "deleted": 0,
                },
            )


@dataclass(frozen=True)
class Hold:
    """The one run that works on a server: it takes the place of *previous*, or has taken it and keeps it.

    The row of the server which the transaction has updated before is what makes two runs wait for each other.

    :param run: the text that names the run
    :param previous: whose place it may take; an empty text is nobody's
    """

    server: str
    run: str
    now: str
    previous: tuple[str, ...] = ()

    def apply(self, database: Database) -> None:
        """Compare and swap, on what is committed now and not on what was read before.

        :raises ConflictError: another run holds the server
        """
        found = database.query(
            "SELECT value FROM instance_system_metadata WHERE instance_uuid = %s AND `key` = %s AND deleted = 0"
            " FOR UPDATE",
            (self.server, rows.RUN_KEY),
        )
        holder = str(found[0]["value"]) if found else ""
        self.check(holder)
        if holder != self.run:
            SetMetadata(self.server, rows.RUN_KEY, self.run, self.now).apply(database)

    def check(self, holder: str) -> None:
        """Whether this run may go on, when *holder* has the server.

        :raises ConflictError: it may not
        """
        if holder in (self.run, *self.previous):
            return
        raise ConflictError(
            f"work on server {self.server}",
            f"another run has taken it over: {holder}." if holder else "no run has taken it over.",
            "Wait for the other run to end. If it is dead, run the playbook again and let it take over (move_state,"
            " state resumed).",
        )


@dataclass(frozen=True)
class CopyAction:
    """An action with its events, as another cell has them."""

    action: Row
    events: tuple[Row, ...]

    def apply(self, database: Database) -> None:
        """Insert them; the events below the action's new id."""
        table, events = "instance_actions", "instance_actions_events"
        action_id = rows.insert(database, table, rows.fitted(table, self.action, database.columns(table)))
        for event in self.events:
            values = rows.fitted(events, event, database.columns(events))
            rows.insert(database, events, {**values, "action_id": action_id})


@dataclass(frozen=True)
class StartEvent:
    """An event of an action: what ``openstack server event show`` tells of a step. One that is open stays the one."""

    server: str
    request_id: str
    event: str
    host: str
    now: str

    def apply(self, database: Database) -> None:
        """Insert it below its action (``nova.db.main.api.action_event_start``)."""
        database.execute(
            "INSERT INTO instance_actions_events"
            " (created_at, deleted, event, action_id, start_time, host)"
            " SELECT %s, 0, %s, id, %s, %s FROM instance_actions"
            " WHERE instance_uuid = %s AND request_id = %s AND NOT EXISTS (SELECT 1 FROM instance_actions_events e"
            " WHERE e.action_id = instance_actions.id AND e.event = %s AND e.finish_time IS NULL)",
            (self.now, self.event, self.now, self.host, self.server, self.request_id, self.event),
        )
        _touch_action(database, self.server, self.request_id, self.now)


@dataclass(frozen=True)
class FinishEvent:
    """The end of an event; an empty *event* means all that are still open below the action."""

    server: str
    request_id: str
    event: str
    now: str
    error: str = ""

    def apply(self, database: Database) -> None:
        """Write finish time and result (``nova.db.main.api.action_event_finish``)."""
        arguments: list[Value] = [self.now, self.now, "Error" if self.error else "Success"]
        arguments += [self.error or None, self.server, self.request_id]
        if self.event:
            arguments.append(self.event)
        database.execute(
            "UPDATE instance_actions_events e JOIN instance_actions a ON e.action_id = a.id"
            " SET e.finish_time = %s, e.updated_at = %s, e.result = %s, e.traceback = %s"
            " WHERE a.instance_uuid = %s AND a.request_id = %s AND e.finish_time IS NULL"
            + (" AND e.event = %s" if self.event else ""),
            arguments,
        )
        _touch_action(database, self.server, self.request_id, self.now)
        if self.error:
            database.execute(
                "UPDATE instance_actions SET message = 'Error' WHERE instance_uuid = %s AND request_id = %s",
                (self.server, self.request_id),
            )


Change = Union[Update, Insert, Delete, SetMetadata, Hold, CopyAction, StartEvent, FinishEvent]


@dataclass(frozen=True)
class Transaction:
    """Changes to one database which are made together or not at all.

    :param database: ``source``, ``target`` or ``api``
    :param marker: the guarded update that starts it; once its values are there, so is all the rest
    :param repeatable: making it once more does no harm, and its marker does not tell whether it was made
    """

    database: str
    marker: Update
    changes: tuple[Change, ...] = ()
    repeatable: bool = False

    def is_done(self, database: Database) -> bool:
        """Whether an earlier run has committed this transaction."""
        if self.repeatable:
            return False
        found = database.select(self.marker.table, **dict(self.marker.where))
        return bool(found) and all(
            found[0][column] == value
            for column, value in self.marker.values.items()
            if column != "updated_at" and column in found[0]
        )

    def apply(self, database: Database) -> None:
        """Make the changes and commit.

        :raises ConflictError: a guarded row is not as expected; nothing was changed
        :raises StackmoveError: the database refuses; nothing was changed
        """
        try:
            for change in (self.marker, *self.changes):
                change.apply(database)
            database.commit()
        except StackmoveError:
            database.rollback()
            raise

    def describe(self) -> list[str]:
        """One line for each change, without secrets, for a diff."""
        return [f"{self.database}: {line}" for c in (self.marker, *self.changes) for line in _lines(c)]


def _lines(change: Change) -> Iterable[str]:
    if isinstance(change, Update):
        shown = rows.redacted(change.table, dict(change.values))
        for column, value in shown.items():
            yield f"{change.table}.{column} = {_short(value)}"
    elif isinstance(change, Insert):
        shown = rows.redacted(change.table, dict(change.values))
        values = ", ".join(f"{c}={_short(v)}" for c, v in shown.items() if v is not None)
        yield f"{change.table}: new row ({values})"
    elif isinstance(change, Delete):
        yield f"{change.table}: delete what is there"
    elif isinstance(change, SetMetadata):
        yield f"instance_system_metadata.{change.key} = {change.value}"
    elif isinstance(change, Hold):
        if change.previous:
            yield f"instance_system_metadata.{rows.RUN_KEY} = {change.run}"
    elif isinstance(change, CopyAction):
        yield f"instance_actions: {change.action['action']} {change.action['request_id']}, {len(change.events)} events"
    elif isinstance(change, StartEvent):
        yield f"instance_actions_events: {change.event} starts on {change.host}"
    else:
        yield f"instance_actions_events: {change.event or 'all'} end {'in error' if change.error else 'well'}"


def _short(value: Value) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _one_of(column: str, allowed: Sequence[Value]) -> tuple[str, list[Value]]:
    given: list[Value] = [value for value in allowed if value is not None]
    parts = []
    if given:
        parts.append(f"`{column}` IN ({', '.join(['%s'] * len(given))})")
    if len(given) < len(allowed):
        parts.append(f"`{column}` IS NULL")
    return f"({' OR '.join(parts)})", given


def _touch_action(database: Database, server: str, request_id: str, now: str) -> None:
    database.execute(
        "UPDATE instance_actions SET updated_at = %s WHERE instance_uuid = %s AND request_id = %s",
        (now, server, request_id),
    )


def action(
    server: str, request_id: str, name: str, instance: Row, now: str, known: Sequence[Row] = ()
) -> Insert | Update:
    """A row of ``instance_actions``, on behalf of the server's owner.

    One that was begun before and taken back is the one that is begun again: its error is over, and its events tell of
    both.

    :param known: the actions that the cell has
    """
    if any(row["request_id"] == request_id for row in known):
        where: dict[str, Value] = {"instance_uuid": server, "request_id": request_id}
        return Update("instance_actions", where, {"message": None, "updated_at": now})
    return Insert(
        "instance_actions",
        {
            "created_at": now,
            "action": name,
            "instance_uuid": server,
            "request_id": request_id,
            "user_id": instance["user_id"],
            "project_id": instance["project_id"],
            "start_time": now,
            "deleted": 0,
        },
    )
