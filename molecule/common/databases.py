# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of all databases of the cloud: every one, or those of a server. Runs on the controller, as root of MariaDB.

``databases.py`` prints every row in a line of its own, but for what the cloud itself writes all the time.
``databases.py UUID...`` prints ``{uuid: {"names": {identifier: what it is}, "rows": {"database.table": [row]}}}``.
A row is the server's when a column of it holds, or mentions, an identifier of the server: its uuid, and those of its
ports, volumes, attachments, migrations and images; and so are the rows that refer to such a row by a number.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pymysql

DATABASES = (
    "nova_api",
    "nova_cell0",
    "nova_cell1",
    "nova_cell2",
    "placement",
    "neutron",
    "cinder",
    "glance",
    "keystone",
)

# What the cloud writes whether anybody asks something of it or not, by table: heartbeats, what nova-compute reports of
# its host, and its cache of the ports, which it reads again every minute.
RESTLESS = {
    "services": {"updated_at", "last_seen_up", "report_count"},
    "agents": {"heartbeat_timestamp", "configurations", "load"},
    "compute_nodes": {
        "updated_at",
        "stats",
        "running_vms",
        "current_workload",
        "vcpus_used",
        "memory_mb_used",
        "local_gb_used",
        "free_ram_mb",
        "free_disk_gb",
        "disk_available_least",
    },
    "instance_info_caches": {"updated_at", "network_info"},
    "local_user": {"failed_auth_count", "failed_auth_at"},  # Keystone counts wrong passwords
}

# Where the server's uuid leads to further identifiers: table, column that has the uuid, column that has the identifier.
LEADS = (
    ("neutron.ports", "device_id", "id", "port"),
    ("cinder.volume_attachment", "instance_uuid", "id", "attachment"),
    ("cinder.volume_attachment", "instance_uuid", "volume_id", "volume"),
    ("nova_cell1.migrations", "instance_uuid", "uuid", "migration"),
    ("nova_cell2.migrations", "instance_uuid", "uuid", "migration"),
    ("nova_cell1.block_device_mapping", "instance_uuid", "uuid", "block device"),
    ("nova_cell2.block_device_mapping", "instance_uuid", "uuid", "block device"),
    ("glance.image_properties", "value", "image_id", "image"),
)

# By what identifiers of a kind are numbered, so that two servers alike have the same numbers.
ORDER = ("network_id", "created_at", "device_name", "attach_status")

# References by number: the child's table and column, the parent's table and column. The databases declare some of them.
CHILDREN = (
    ("nova_cell1.instance_actions_events", "action_id", "nova_cell1.instance_actions", "id"),
    ("nova_cell2.instance_actions_events", "action_id", "nova_cell2.instance_actions", "id"),
    ("neutron.standardattributes", "id", "neutron.ports", "standard_attr_id"),
)

Row = dict[str, Any]


def read() -> dict[str, list[Row]]:
    """All rows of all tables: the lab is small."""
    connection = pymysql.connect(
        unix_socket="/run/mysqld/mysqld.sock", user="root", charset="utf8mb4", cursorclass=pymysql.cursors.DictCursor
    )
    found = {}
    with connection.cursor() as cursor:
        # One moment for all databases, or a move between two reads would look like a difference.
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(
            "SELECT table_schema AS d, table_name AS t FROM information_schema.tables"
            " WHERE table_schema IN %s AND table_type = 'BASE TABLE'",
            (DATABASES,),
        )
        for table in [(row["d"], row["t"]) for row in cursor.fetchall()]:
            cursor.execute("SELECT * FROM `{}`.`{}`".format(*table))
            rows = cursor.fetchall()
            if rows:
                found[".".join(table)] = [{name: plain(value) for name, value in row.items()} for row in rows]
    return found


def plain(value: Any) -> Any:
    """A value as JSON can say it."""
    if value is None or isinstance(value, (int, float, str)):
        return value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def lines(tables: dict[str, list[Row]]) -> Iterator[str]:
    """Every row as a line of text, without what is restless."""
    for table, rows in sorted(tables.items()):
        restless = RESTLESS.get(table.partition(".")[2], set())
        for row in rows:
            yield f"{table} {json.dumps({name: value for name, value in row.items() if name not in restless})}"


def identifiers(tables: dict[str, list[Row]], server: str) -> dict[str, str]:
    """What names the server anywhere."""
    names = {server: "server"}
    for table, key, column, what in LEADS:
        found = [row for row in tables.get(table, []) if row[key] == server and row[column]]
        for row in sorted(found, key=lambda row: [str(row.get(name)) for name in ORDER]):
            if row[column] not in names:
                number = sum(name.startswith(f"{what} ") for name in names.values()) + 1
                names[row[column]] = f"{what} {number}"
    return names


def mentions(row: Row, names: dict[str, str]) -> bool:
    """Whether a row holds an identifier, alone or within a text."""
    return any(name in value for value in row.values() if isinstance(value, str) and len(value) >= 32 for name in names)


def rows_of(tables: dict[str, list[Row]], names: dict[str, str]) -> Iterator[tuple[str, list[Row]]]:
    """The server's rows in each table that has some."""
    own = {table: [row for row in rows if mentions(row, names)] for table, rows in tables.items()}
    for child, column, parent, key in CHILDREN:
        keys = {row[key] for row in own.get(parent, [])}
        own[child] = [row for row in tables.get(child, []) if row[column] in keys]
    yield from ((table, rows) for table, rows in sorted(own.items()) if rows)


def main() -> None:
    """Print all rows, or the servers'."""
    tables = read()
    if not sys.argv[1:]:
        print("\n".join(lines(tables)))
        return
    found = {}
    for server in sys.argv[1:]:
        names = identifiers(tables, server)
        found[server] = {"names": names, "rows": dict(rows_of(tables, names))}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
