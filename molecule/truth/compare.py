# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In what the rows of a server moved by Nova differ from those of one moved by us, each difference explained.

Takes ``{"nova": dump, "ours": dump, "explained": [{"where": pattern, "why": text}]}`` on standard input, where a dump
is what ``databases.py`` says of one server. Prints each difference below its explanation; fails when one has none.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

# What is another for each server, wherever it stands in a text.
PATTERNS = (
    (re.compile(r"req-[0-9a-f]{8}-[0-9a-f-]{27}"), "<request>"),
    (re.compile(r"\br-[0-9a-z]{8}\b"), "<reservation>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
)
# When a row was written; and what an object was changed in since it was read, which its serialised form keeps.
LEFT_OUT = {"created_at", "updated_at", "nova_object.changes"}
# Numbers that a database hands out, one after another. Those of compute nodes, cells, flavors and providers are not
# among them: they mean the same for both servers.
COUNTED = {"id", "action_id", "standard_attr_id", "migration_id", "revision_number"}


def names(dump: Row) -> dict[str, str]:
    """What stands for what in one server's rows: identifiers, addresses and names that no other server has."""
    found = {identifier: f"<{what}>" for identifier, what in dump["names"].items()}
    for port in dump["rows"].get("neutron.ports", []):
        what = dump["names"][port["id"]]
        found[port["mac_address"]] = f"<mac of {what}>"
        found[port["id"][:11]] = f"<start of {what}>"
        for allocation in dump["rows"].get("neutron.ipallocations", []):
            if allocation["port_id"] == port["id"]:
                found[allocation["ip_address"]] = f"<address of {what}>"
    for mapping in dump["rows"]["neutron.ports"][:1]:
        for cell in ("nova_cell1.instances", "nova_cell2.instances"):
            for row in dump["rows"].get(cell, []):
                if row["uuid"] == mapping["device_id"]:
                    found[row["display_name"]] = "<name>"
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def neutral(column: str, value: Any, known: dict[str, str]) -> Any:
    """A value with what differs between any two servers taken out."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in LEFT_OUT}
        return {neutral("", key, known): neutral(key, item, known) for key, item in kept.items()}
    if isinstance(value, list):
        return [neutral("", item, known) for item in value]
    if isinstance(value, int) and column in COUNTED:
        return "<number>"
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "["):
        try:
            return neutral(column, json.loads(value), known)
        except ValueError:
            pass
    for name, stand_in in known.items():
        value = value.replace(name, stand_in)
    for pattern, stand_in in PATTERNS:
        value = pattern.sub(stand_in, value)
    return value


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a document, each with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from flat(item, f"{path}[{number}]")
    else:
        yield path, value


def tables(dump: Row) -> dict[str, list[Row]]:
    """The rows of one server, comparable with those of another."""
    known = names(dump)
    return {table: [dict(flat(neutral("", row, known))) for row in rows] for table, rows in dump["rows"].items()}


def distance(one: Row, other: Row) -> int:
    """In how many leaves two rows differ."""
    return sum(one.get(key) != other.get(key) for key in {*one, *other})


def short(row: Row) -> str:
    """A row in one line."""
    return json.dumps({key: value for key, value in row.items() if value not in (None, "<number>", "<time>", 0)})


def differences(nova: dict[str, list[Row]], ours: dict[str, list[Row]]) -> Iterator[str]:
    """Each difference in a line: a leaf that is another, or a row that only one of them has."""
    for table in sorted({*nova, *ours}):
        left = list(ours.get(table, []))
        pairs = sorted(
            ((distance(a, b), i, j) for i, a in enumerate(nova.get(table, [])) for j, b in enumerate(left)),
        )
        matched: dict[int, int] = {}
        for far, i, j in pairs:
            # Rows with less than half in common are two different rows.
            if i not in matched and j not in matched.values() and far * 2 < len(left[j]):
                matched[i] = j
        for i, row in enumerate(nova.get(table, [])):
            if i not in matched:
                yield f"{table}: only by Nova: {short(row)}"
                continue
            other = left[matched[i]]
            for key in sorted({*row, *other}):
                if row.get(key) != other.get(key):
                    yield f"{table}: {key}: by Nova {row.get(key)!r}, by us {other.get(key)!r}"
        for j, row in enumerate(left):
            if j not in matched.values():
                yield f"{table}: only by us: {short(row)}"


def main() -> int:
    """Print the differences, the unexplained ones last."""
    given = json.load(sys.stdin)
    found = list(differences(tables(given["nova"]), tables(given["ours"])))
    compared = sum(len(rows) for rows in given["nova"]["rows"].values())
    print(f"{compared} rows in {len(given['nova']['rows'])} tables by Nova,", end=" ")
    print(
        f"{sum(len(rows) for rows in given['ours']['rows'].values())} in {len(given['ours']['rows'])} by us:", end=" "
    )
    print(f"{len(found)} differences")
    for entry in given["explained"]:
        covered = [line for line in found if re.match(entry["where"], line)]
        found = [line for line in found if line not in covered]
        if covered:
            print(f"\n{entry['why'].strip()}", *covered, sep="\n    ")
    if found:
        print("\nNot explained", *found, sep="\n    ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
