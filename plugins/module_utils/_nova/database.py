# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to Nova's databases: URLs as Nova writes them, values as the server stores them."""

from __future__ import annotations

import contextlib
import ssl
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    NotFoundError,
    StackmoveError,
)

try:
    import pymysql
    from pymysql.constants import CLIENT, FIELD_TYPE
    from pymysql.converters import encoders

    PYMYSQL_IMPORT_ERROR = None
except ImportError:
    PYMYSQL_IMPORT_ERROR = traceback.format_exc()

Value = Union[str, int, None]
Row = dict[str, Value]


def _conversions() -> dict[Any, Any]:
    """Integers stay integers; everything else (dates, JSON documents, enums) travels as the text that the server sent.

    A copied row must not pass through anybody's idea of a type.
    """
    integers = (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG)
    return {**encoders, **dict.fromkeys(integers, int)}


@dataclass(frozen=True)
class DatabaseUrl:
    """A SQLAlchemy URL of a MySQL or MariaDB database, taken apart."""

    scheme: str
    username: str
    password: str = field(repr=False)
    hostname: str = ""
    port: int = 3306
    database: str = ""
    query: str = ""

    @classmethod
    def parse(cls, url: str) -> DatabaseUrl:
        """Take a ``[database]connection`` URL apart.

        :raises StackmoveError: the URL is not one of MySQL or MariaDB; its password is not shown
        """
        parts = urlsplit(url)
        if not parts.scheme.startswith(("mysql", "mariadb")) or not parts.hostname:
            raise StackmoveError(
                "read a database URL",
                f"{parts.scheme or 'an empty string'}:// is not a MySQL or MariaDB URL with a host.",
                "Give it as Nova has it, e.g. mysql+pymysql://user:password@host/nova_api?charset=utf8.",
            )
        return cls(
            scheme=parts.scheme,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            hostname=parts.hostname,
            port=parts.port or 3306,
            database=parts.path.lstrip("/"),
            query=parts.query,
        )

    def tls(self) -> dict[str, Any]:
        """PyMySQL's TLS arguments out of the URL's ``ssl_ca``, ``ssl_cert`` and ``ssl_key``."""
        query = parse_qs(self.query)
        if "ssl_ca" not in query:
            return {}
        context = ssl.create_default_context(cafile=query["ssl_ca"][0])
        context.check_hostname = query.get("ssl_check_hostname", ["true"])[0] != "false"
        if "ssl_cert" in query:
            context.load_cert_chain(query["ssl_cert"][0], query.get("ssl_key", [None])[0])
        return {"ssl": context}


def resolve_template(url: str, main_database: str | None) -> str:
    """Fill a templated cell URL, as Nova does, from the ``[database]connection`` of its own host.

    ``cell_mappings.database_connection`` may read
    ``{scheme}://{username}:{password}@{hostname}/nova_cell2?{query}``
    (``nova.objects.cell_mapping.CellMapping._format_db_url``).

    :raises StackmoveError: the URL is a template and *main_database* is not known
    """
    if "{" not in url:
        return url
    if not main_database:
        raise StackmoveError(
            f"resolve the templated cell URL {url}",
            "the [database]connection that fills it is not known.",
            "Set the option main_database to it, as a controller's nova.conf has it.",
        )
    parts = urlsplit(main_database)
    values = {
        "scheme": parts.scheme,
        "username": parts.username or "",
        "password": parts.password or "",
        "hostname": parts.hostname or "",
        "port": str(parts.port or 3306),
        "netloc": parts.netloc,
        "path": parts.path.lstrip("/"),
        "query": parts.query,
        "fragment": parts.fragment,
    }
    try:
        return url.format(**values)
    except (KeyError, IndexError) as error:
        raise StackmoveError(
            f"resolve the templated cell URL {url}",
            f"the field {error} is not one that Nova knows.",
            "Correct it with nova-manage cell_v2 update_cell.",
        ) from error


class Database:
    """One open database. Reads see one snapshot; writes are committed by the caller, all or none."""

    def __init__(self, url: str, name: str) -> None:
        """Connect.

        :param url: SQLAlchemy URL
        :param name: what the operator calls it, for messages (``cell1``, ``nova_api``)
        :raises StackmoveError: the server refuses or cannot be reached
        """
        self.name = name
        self._columns: dict[str, dict[str, bool]] = {}
        parts = DatabaseUrl.parse(url)
        try:
            self._connection = pymysql.connect(
                host=parts.hostname,
                port=parts.port,
                user=parts.username,
                password=parts.password,
                database=parts.database,
                charset="utf8mb4",
                conv=_conversions(),
                cursorclass=pymysql.cursors.DictCursor,
                connect_timeout=10,
                autocommit=False,
                # As oslo.db has it: a server that is lax by default would cut a value short without a word.
                sql_mode="TRADITIONAL",
                # A guarded UPDATE must count the rows it found, not the ones it had to alter.
                client_flag=CLIENT.FOUND_ROWS,
                **parts.tls(),
            )
        except (pymysql.Error, OSError) as error:
            raise StackmoveError(
                f"connect to the database of {name} ({parts.database} on {parts.hostname}:{parts.port})",
                f"{error}.",
                f"Check that {parts.username!r} may log in from here and that MariaDB is running.",
            ) from error

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> list[Row]:
        """Run a SELECT.

        :raises StackmoveError: the server refuses the statement
        """
        return self._run(sql, arguments)[1]

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> tuple[int, int]:
        """Run a statement that writes.

        :returns: number of rows matched by it, and the id of the row it inserted
        """
        matched, _rows, row_id = self._execute(sql, arguments)
        return matched, row_id

    def columns(self, table: str) -> dict[str, bool]:
        """The table's columns, each with whether it may be NULL; empty when there is no table."""
        if table not in self._columns:
            rows = self.query(
                "SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns"
                " WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position",
                (table,),
            )
            self._columns[table] = {str(row["name"]): row["nullable"] == "YES" for row in rows}
        return self._columns[table]

    def select(self, table: str, **where: Value) -> list[Row]:
        """Rows of *table* in which every named column has the given value; by id, if it has one."""
        sql = f"SELECT * FROM `{table}` WHERE {_conditions(where)}"
        if "id" in self.columns(table):
            sql += " ORDER BY id"
        return self.query(sql, [value for value in where.values() if value is not None])

    def one(self, table: str, **where: Value) -> Row:
        """The one row that matches.

        :raises NotFoundError: there is none
        """
        rows = self.select(table, **where)
        if not rows:
            wanted = ", ".join(f"{column}={value}" for column, value in where.items())
            raise NotFoundError(
                f"find {table} with {wanted} in {self.name}",
                "there is no such row.",
                "Look with server_move_info in which cell the server is.",
            )
        return rows[0]

    def commit(self) -> None:
        """Make what was written stay."""
        try:
            self._connection.commit()
        except pymysql.Error as error:
            raise StackmoveError(
                f"commit to the database of {self.name}",
                f"{error}.",
                "Look at the database server, then run again: what was done already is found, and not done twice.",
            ) from error

    def rollback(self) -> None:
        """Forget what was written since the last commit, and look at the database anew."""
        # Where the connection is gone the server has forgotten it already, and whoever reads next is told.
        with contextlib.suppress(pymysql.Error):
            self._connection.rollback()

    def _run(self, sql: str, arguments: Sequence[Any]) -> tuple[int, list[Row]]:
        matched, rows, _row_id = self._execute(sql, arguments)
        return matched, rows

    def _execute(self, sql: str, arguments: Sequence[Any]) -> tuple[int, list[Row], int]:
        try:
            with self._connection.cursor() as cursor:
                matched = cursor.execute(sql, tuple(arguments))
                return matched, list(cursor.fetchall()), int(cursor.lastrowid or 0)
        except pymysql.Error as error:
            raise StackmoveError(
                f"work on the database of {self.name}",
                f"{error} in: {' '.join(sql.split())[:200]}",
                "If it says 'denied', see the grants that the README asks for. Otherwise look at the database server,"
                " and run again: what was done already is found, and not done twice.",
            ) from error


def _conditions(where: Mapping[str, Value]) -> str:
    return " AND ".join(
        f"`{column}` IS NULL" if value is None else f"`{column}` = %s" for column, value in where.items()
    )
