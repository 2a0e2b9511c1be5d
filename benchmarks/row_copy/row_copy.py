# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fill a small cell and a large one, look at the plan of every query that a move makes, and time a row copy in both.

Called by ``run``, which starts a MariaDB server for it.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._move import observation
from ansible_collections.stackmove.nova.plugins.module_utils._nova import rows, states, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row

SMALL = 1000
ROUNDS = 15  # servers that are moved in either direction
WEB1 = "6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11"  # of the seed: what each server's rows are like
PREFIXES = {"small": "00005000-0000-4000-8000-", "large": "00001a00-0000-4000-8000-"}
EVENTS = "instance_actions_events"
DATABASES = {"small": "nova_small", "large": "nova_large"}


class Recorder(Database):
    """A database that remembers every statement, with its arguments."""

    def __init__(self, url: str, name: str) -> None:
        self.statements: list[tuple[str, Sequence[Any]]] = []
        super().__init__(url, name)

    def _execute(self, sql: str, arguments: Sequence[Any]) -> tuple[int, list[Row], int]:
        self.statements.append((sql, arguments))
        return super()._execute(sql, arguments)


@dataclass
class Server:
    """The MariaDB server that ``run`` has started."""

    files: Path
    folder: str
    port: int
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def sql(self, text: str, database: str = "") -> str:
        """Run statements as root."""
        command = [str(self.files / "mariadb.sh"), "sql", self.folder, "--skip-column-names", *database.split()]
        done = subprocess.run(command, input=text, text=True, check=False, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{done.stderr} in: {text[:500]}")
        return done.stdout

    def url(self, database: str) -> str:
        """Where a database is, as Nova writes it."""
        return f"mysql+pymysql://bench:bench@127.0.0.1:{self.port}/{database}"

    def timed(self, what: str, size: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do the work and remember how long it took."""
        start = time.perf_counter()
        result = work(*arguments)
        self.times.setdefault((what, size), []).append(time.perf_counter() - start)
        return result


def uuid_of(cell: str, number: int) -> str:
    """The uuid of a cell's server."""
    return f"{PREFIXES[cell]}{number:012x}"


def fill(server: Server, cell: str, instances: int) -> None:
    """Multiply web1's rows; servers which nobody will move have one short row in each table."""
    name = DATABASES[cell]
    server.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb3")
    server.sql((server.files / "cell.sql").read_text(), name)
    own = f"CONCAT('{PREFIXES[cell]}', LPAD(LOWER(HEX(s.seq)), 12, '0'))"
    for table in (*rows.COPIED_TABLES, rows.Table(EVENTS, owner="action_id")):
        columns = server.sql(
            f"SELECT GROUP_CONCAT(column_name), GROUP_CONCAT(IF(data_type LIKE '%text', column_name, ''))"
            f" FROM information_schema.columns WHERE table_schema = '{name}' AND table_name = '{table.name}'"
            f" AND column_name <> 'id'"
        ).split("\t")
        names, texts = columns[0].split(","), columns[1].strip().split(",")
        values = {name: f"IF(s.seq <= {ROUNDS + 1}, p.`{name}`, LEFT(p.`{name}`, 2))" for name in texts if name}
        values[table.owner] = own
        if table.name in ("block_device_mapping", "migrations"):
            # The row's own id makes the uuids of one server's rows differ.
            values["uuid"] = f"CONCAT(LPAD(HEX(p.id), 4, '0'), SUBSTR({own}, 5))"
        elif table.name == "virtual_interfaces":
            values["address"] = f"CONCAT('{cell[:2]}:', HEX(s.seq), '/port')"
        condition = f"p.`{table.owner}` = '{WEB1}'" + (" AND p.deleted = 0" if "deleted" in names else "")
        if table.name == EVENTS:
            values["action_id"] = "a.id"
            source = (
                f"{name}.instance_actions a STRAIGHT_JOIN pattern.instance_actions o ON o.request_id = a.request_id"
                f" STRAIGHT_JOIN pattern.{EVENTS} p ON p.action_id = o.id"
                f" STRAIGHT_JOIN (SELECT {ROUNDS} AS seq) s"
            )
            condition = "TRUE"
        else:
            source = f"seq_1_to_{instances} s STRAIGHT_JOIN pattern.`{table.name}` p"
            key = "tag" if table.name == "tags" else "id"
            first = f"(SELECT MIN(p.{key}) FROM pattern.`{table.name}` p WHERE {condition})"
            condition += f" AND (s.seq <= {ROUNDS + 1} OR p.{key} = {first})"
        chosen = ", ".join(values.get(column, f"p.`{column}`") for column in names)
        listed = ", ".join(f"`{column}`" for column in names)
        start = time.perf_counter()
        server.sql(
            "SET unique_checks = 0, foreign_key_checks = 0; "
            f"INSERT INTO {name}.`{table.name}` ({listed}) SELECT {chosen} FROM {source} WHERE {condition}",
            name,
        )
        if instances > SMALL:
            print(f"  {table.name:<26}{time.perf_counter() - start:7.1f} s", flush=True)
    server.sql(
        f"INSERT INTO nova_api.instance_mappings (instance_uuid, cell_id, project_id, user_id)"
        f" SELECT {own}, {2 if cell == 'small' else 3}, 'p', 'u' FROM seq_1_to_{instances} s",
        name,
    )
    server.sql(f"INSERT INTO {name}.compute_nodes SELECT * FROM pattern.compute_nodes; ANALYZE TABLE {name}.instances")


def prepare(server: Server, large: int) -> None:
    """Make the API database, the pattern and both cells."""
    server.sql(
        "SET GLOBAL innodb_flush_log_at_trx_commit = 0;"
        "CREATE DATABASE nova_api CHARACTER SET utf8mb3; CREATE DATABASE pattern CHARACTER SET utf8mb3;"
        "CREATE USER bench@'127.0.0.1' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'127.0.0.1'"
    )
    for database, names in {"nova_api": ("api", "seed_api"), "pattern": ("cell", "seed_cell1")}.items():
        for name in names:
            text = (server.files / f"{name}.sql").read_text().replace("@PORT@", str(server.port))
            server.sql("SET NAMES utf8mb4;" + text, database)
    server.sql(
        f"UPDATE cell_mappings SET name = 'small', database_connection = '{server.url('nova_small')}' WHERE id = 2;"
        f"UPDATE cell_mappings SET name = 'large', database_connection = '{server.url('nova_large')}' WHERE id = 3",
        "nova_api",
    )
    print(f"Filling a cell of {SMALL:,} instances, and one of {large:,}:", flush=True)
    fill(server, "small", SMALL)
    fill(server, "large", large)
    server.sql(
        "INSERT INTO instance_groups (id, uuid) SELECT seq, UUID() FROM seq_1_to_10000;"
        "INSERT INTO instance_group_policy (group_id, policy) SELECT seq, 'anti-affinity' FROM seq_1_to_10000;"
        "INSERT INTO instance_group_member (group_id, instance_uuid)"
        f" SELECT seq, IF(seq = 1, '{uuid_of('small', ROUNDS + 1)}', '{uuid_of('large', ROUNDS + 1)}')"
        " FROM seq_1_to_10000 WHERE seq < 3;"
        "INSERT INTO instance_group_member (group_id, instance_uuid) SELECT seq, UUID() FROM seq_3_to_10000;"
        "ANALYZE TABLE instance_group_policy, instance_group_member",
        "nova_api",
    )
    server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 1")


def scanned(database: Recorder) -> list[str]:
    """The recorded statements that read a whole table or index; the catalogue's own tables do not count."""
    found = []
    for sql, arguments in list(database.statements):
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and "information_schema" not in sql:
            for step in database.query(f"EXPLAIN {sql}", arguments):
                # Tables that hold a row for each cell or host, and of which all are wanted.
                if step["type"] in ("ALL", "index") and step["table"] not in ("cell_mappings", None):
                    found.append(f"{database.name}: {step['table']} ({step['type']}): {' '.join(sql.split())}")
    return found


def explain(server: Server, source: str, target: str) -> tuple[int, list[str]]:
    """Move a whole server in the databases, confirm it, and return how many statements that took and which scanned."""
    cells = Cells(server.url("nova_api"))
    cells.api = Recorder(server.url("nova_api"), "nova_api")
    here, there = cells.by_uuid(source), cells.by_uuid(target)
    databases = {cell.id: Recorder(cell.url, cell.name) for cell in (here, there)}
    cells._open.update(databases)
    uuid = uuid_of(source, ROUNDS + 1)
    move = states.Move(
        uuid, uuid_of(source, 0), "2026-11-21 12:00:00", "bench", states.Destination("c", "c", 1, "", "")
    )
    view = states.view(databases[here.id], uuid, move.migration)
    migration = {"dest_compute": None}
    observation._migration_under_way(cells, here, uuid)
    observation._chosen_host(cells, here, migration, {"allocations": {"aaaaaaaa-0000-4000-8000-000000000001": {}}})
    observation._unmovable(cells, here, view, uuid)
    observation._rows_by_cell(cells, uuid)
    observation._leftovers(cells, here, there, uuid, "")
    observation._server_group(cells, uuid)
    for state in ("started", "prepared", "stopping", "departed", "finished", "confirming", "confirmed"):
        if state == "prepared":
            copy(databases[here.id], databases[there.id], here, uuid)
            rows.is_copied(databases[there.id], uuid, move.migration)
        if state == "confirmed":
            rows.count_rows(databases[here.id], uuid)
            rows.delete_rows(databases[here.id], uuid)
        steps.plan(cells, here, there, move, state).apply()
    recorded = [cells.api, *databases.values()]
    return sum(len(one.statements) for one in recorded), [line for one in recorded for line in scanned(one)]


def copy(source: Database, target: Database, _cell: Cell, uuid: str) -> None:
    """What module instance_rows does."""
    found = rows.read_rows(source, uuid)
    planned = rows.plan_copy(found, {table: target.columns(table) for table in found})
    if rows.leftovers(target, planned):
        raise RuntimeError("there are leftovers")
    rows.write_rows(target, planned)


def write_each(database: Database, planned: rows.Rows) -> None:
    """A transaction for each row, as Nova's own conductor task has it."""
    ids = {}
    for table, found in planned.items():
        for row in found:
            values = dict(row)
            if table == EVENTS:
                values["action_id"] = ids[values["action_id"]]
            old = values.pop("id", None)
            new = rows.insert(database, table, values)
            database.commit()
            if table == "instance_actions":
                ids[old] = new


def dump_and_import(server: Server, source: str, target: str, uuid: str) -> None:
    """What one would do by hand: mariadb-dump --where, edit, import. Action ids are left as they are, and so wrong."""
    text = ""
    options = ["--no-create-info", "--complete-insert", "--skip-triggers", "--compact", "--skip-extended-insert"]
    login = ["--no-defaults", f"--socket={server.folder}/socket", "--user=root"]
    for table in (*rows.COPIED_TABLES, rows.Table(EVENTS, owner="action_id")):
        where = f"{table.owner} = '{uuid}'"
        if table.name == EVENTS:
            where = f"action_id IN (SELECT id FROM instance_actions WHERE instance_uuid = '{uuid}')"
        dump = [
            "mariadb-dump",
            *login,
            "--single-transaction",
            *options,
            f"--where={where}",
            DATABASES[source],
            table.name,
        ]
        text += subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    # Without the ids, which are taken in the other cell.
    text = re.sub(r"\((`[^)]*)`id`, ", r"(\1", text)
    edited = f"SET foreign_key_checks = 0; BEGIN;\n{text}\nROLLBACK;"
    client = ["mariadb", *login, "--force", DATABASES[target]]
    subprocess.run(client, input=edited, text=True, check=False, capture_output=True)


def measure(server: Server) -> None:
    """Move servers in both directions by turns, so that whatever else the machine does strikes both."""
    databases = {cell: Database(server.url(name), cell) for cell, name in DATABASES.items()}
    columns = {table.name: databases["small"].columns(table.name) for table in rows.COPIED_TABLES}
    columns[EVENTS] = databases["small"].columns(EVENTS)
    for table in columns:
        databases["large"].columns(table)
    found: rows.Rows = {}
    for number in range(1, ROUNDS + 1):
        for source, target in (("small", "large"), ("large", "small")):
            uuid = uuid_of(source, number)
            here, there = databases[source], databases[target]
            found = server.timed("read", source, rows.read_rows, here, uuid)
            planned = rows.plan_copy(found, columns)
            server.timed("look for leftovers", target, rows.leftovers, there, planned)
            server.timed("write", target, rows.write_rows, there, planned)
            copied = rows.read_rows(there, uuid)
            if rows.row_differences(planned, copied) or sum(map(len, copied.values())) != sum(map(len, found.values())):
                raise RuntimeError(f"the copy differs: {rows.row_differences(planned, copied)}")
            server.timed("delete", target, rows.delete_rows, there, uuid)
            server.timed("write, a transaction a row", target, write_each, there, planned)
            rows.delete_rows(there, uuid)
            here.rollback()
            server.timed("mariadb-dump, edit, import", source, dump_and_import, server, source, target, uuid)
    print(f"\nMoving {ROUNDS} servers of {sum(map(len, found.values()))} rows either way.")


def report(server: Server, large: int) -> list[float]:
    """Print the table; return the ratios of the steps of a copy."""
    print(f"\n{'median of ' + str(ROUNDS) + ' servers, ms':<30}{SMALL:>12,}{large:>12,}{'ratio':>8}")
    ratios = []
    total = {"small": 0.0, "large": 0.0}
    ours = ("read", "look for leftovers", "write")
    for what in dict.fromkeys(what for what, _size in server.times):
        small, big = (statistics.median(server.times[what, size]) * 1000 for size in ("small", "large"))
        if what in ours:
            total["small"] += small
            total["large"] += big
        if what in (*ours, "delete"):
            ratios.append(big / small)
        print(f"{what:<30}{small:>12.1f}{big:>12.1f}{big / small:>8.2f}")
    print(f"{'a copy (read, look, write)':<30}{total['small']:>12.1f}{total['large']:>12.1f}", end="")
    print(f"{total['large'] / total['small']:>8.2f}")
    dump = statistics.median(server.times["mariadb-dump, edit, import", "large"]) * 1000
    each = statistics.median(server.times["write, a transaction a row", "large"]) * 1000
    write = statistics.median(server.times["write", "large"]) * 1000
    print(f"\nOf a copy, mariadb-dump takes {dump / total['large']:.1f} times as long;", end="")
    print(f" of the write, a transaction for each row {each / write:.1f} times.")
    return ratios


def main(files: str, folder: str, port: str, instances: str) -> int:
    """Fill, explain, measure; fail when a statement scans, or when a step costs more than twice in the large cell."""
    large = int(instances)
    server = Server(Path(files), folder, int(port))
    prepare(server, large)
    failed = False
    for source, target in (("small", "large"), ("large", "small")):
        count, scans = explain(server, source, target)
        print(f"A move from {source} to {target}: {count} statements, {len(scans)} of them scan a table.")
        for line in scans:
            print(f"  {line}")
        failed = failed or bool(scans)
    measure(server)
    slower = [ratio for ratio in report(server, large) if ratio > 2]
    if slower:
        print("A step takes more than twice as long in the larger cell.")
    return int(failed or bool(slower))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
