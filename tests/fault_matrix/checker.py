# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is after a disturbed run, as the real systems have it: one of three outcomes, or else what is amiss.

It reads the databases' rows, the hosts' domains and files, and the clouds' APIs; nothing of the collection is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import SDKException

from ansible_collections.stackmove.nova.molecule.common import cloud

from . import lab
from .steps import ROOT

Document = dict[str, Any]
Rows = dict[str, list[Document]]

# At its source as an ordinary server, at its destination waiting to be confirmed, or there as an ordinary server.
OUTCOMES = ("home", "moved", "confirmed")

CELLS = {"compute11": "nova_cell1", "compute12": "nova_cell1", "compute21": "nova_cell2", "compute22": "nova_cell2"}
IMAGE_PROPERTY = "stackmove_migration_uuid"
# Keys of a server's system metadata that a move brings and takes away.
PASSING_KEYS = ("old_vm_state", "stackmove_run")
SETTLED = ("confirmed", "reverted", "error", "failed", "completed", "done")
KEPT = ("id", "addresses", "description", "metadata", "tags", "volumes", "key_name", "has_config_drive")
FLAVOR = ("flavor", "numa_topology", "pci_requests")

_HOST = """
virsh domstate {id} 2>/dev/null; virsh dumpxml --inactive {id} 2>/dev/null; echo ---
find {instances} -path '*{id}*' -printf '%P %m %U %G\\n' | sort
find {instances}/_base -name '*.part' 2>/dev/null; echo ---
ls /sys/class/net
"""


@dataclass(frozen=True)
class OnHost:
    """What a host has of the server."""

    state: str  # of the domain; empty when there is none
    xml: str
    files: tuple[str, ...]
    links: frozenset[str]  # all network links of the host


@dataclass(frozen=True)
class Facts:
    """What all systems have of a server.

    :param api: as :func:`cloud.look` gives it
    :param guest: as :func:`cloud.guest` gives it
    :param rows: by database and table
    :param images: ids of images that a move has made
    """

    api: Document
    guest: Document
    rows: Rows
    hosts: dict[str, OnHost]
    images: tuple[str, ...]

    @property
    def id(self) -> str:
        """The server's uuid."""
        return str(self.api["id"])

    def alive(self, table: str) -> list[Document]:
        """The rows of a table that are not deleted."""
        return [row for row in self.rows.get(table, []) if not row.get("deleted")]

    def instances(self) -> dict[str, Document]:
        """The server's row in each cell that has one."""
        return {cell: row for cell in sorted(set(CELLS.values())) for row in self.alive(f"{cell}.instances")}


@dataclass(frozen=True)
class Way:
    """From where to where a server moves."""

    source: str
    destination: str

    def places(self) -> dict[str, str]:
        """The host of each place in which a module runs."""
        return {"source": self.source, "destination": self.destination, "controller": lab.CONTROLLER}

    def back(self) -> Way:
        """The other way round."""
        return Way(self.destination, self.source)


# Reading


def read_rows(server: str) -> Rows:
    """All rows of the server in all databases of the cloud."""
    source = (ROOT / "molecule" / "common" / "databases.py").read_text()
    query = "SELECT id, name FROM nova_api.cell_mappings"
    *cells, rows = lab.ssh(lab.CONTROLLER, f"mariadb -N -e '{query}'; python3 - {server}", source).splitlines()
    found: Rows = json.loads(rows)[server]["rows"]
    found["nova_api.cell_mappings"] = [dict(zip(("id", "name"), line.split("\t"))) for line in cells]
    return found


def read_hosts(server: str) -> dict[str, OnHost]:
    """What each compute host has of the server."""
    found = {}
    for host, text in lab.on_computes(_HOST.format(id=server, instances=lab.INSTANCES)).items():
        domain, files, links = text.split("---\n")
        state, _blank, xml = domain.strip().partition("\n")
        found[host] = OnHost(state, xml.strip(), tuple(files.splitlines()), frozenset(links.split()))
    return found


def read(connection: Connection, name: str) -> Facts:
    """Everything; raises LabError when a system doesn't answer as it should of a server that is whole."""
    try:
        api = cloud.look(connection, {"name": name})
        guest = cloud.guest(connection, {"name": name})
    except (SystemExit, SDKException) as unanswered:
        raise lab.LabError(str(unanswered)) from unanswered
    rows = read_rows(api["id"])
    moves = {row["uuid"] for cell in set(CELLS.values()) for row in rows.get(f"{cell}.migrations", [])}
    images = [image.id for image in connection.image.images() if image.properties.get(IMAGE_PROPERTY) in moves]
    return Facts(api, guest, rows, read_hosts(api["id"]), tuple(images))


# Judging


def outcome(facts: Facts, way: Way) -> str:
    """Which outcome it comes nearest to, by the cell that has the server and the host that it names."""
    row = next((row for row in facts.instances().values() if not row["hidden"]), {})
    if row.get("vm_state") == "resized":
        return "moved"
    return "home" if row.get("host") == way.source else "confirmed"


def unsafe(server: str, rows: Rows, hosts: dict[str, OnHost]) -> Iterator[str]:
    """What must never be, not even in the middle: two guests that run, or a server that is nowhere or twice."""
    running = [host for host, found in hosts.items() if found.state == "running"]
    if len(running) > 1:
        yield f"the guest runs on {' and '.join(running)}"
    shown = [
        cell
        for cell in sorted(set(CELLS.values()))
        for row in rows.get(f"{cell}.instances", [])
        if not row["hidden"] and not row["deleted"]
    ]
    if len(shown) != 1:
        yield f"{server} is shown by {shown or 'no cell'}"
    elif mapped(rows) != shown[0]:
        yield f"the mapping names {mapped(rows)}, the server is in {shown[0]}"


def mapped(rows: Rows) -> str:
    """The cell that the server's mapping names."""
    cells = {row["id"]: row["name"] for row in rows["nova_api.cell_mappings"]}
    found = [f"nova_{cells.get(str(row['cell_id']))}" for row in rows.get("nova_api.instance_mappings", [])]
    return found[0] if len(found) == 1 else str(found)


def amiss(facts: Facts, before: Facts, way: Way, kind: str) -> list[str]:
    """What is not as the outcome wants it; nothing when all is well."""
    checks: tuple[Callable[[Facts, Facts, Way, str], Iterator[str]], ...] = (_server, _cloud, _rows, _hosts, _guest)
    return [
        *unsafe(facts.id, facts.rows, facts.hosts),
        *(line for check in checks for line in check(facts, before, way, kind)),
    ]


def _differs(what: str, found: Any, wanted: Any) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found} instead of {wanted}"


def _server(facts: Facts, before: Facts, way: Way, kind: str) -> Iterator[str]:
    """As Nova's API shows it."""
    api = facts.api
    yield from _differs("status", api["status"], "VERIFY_RESIZE" if kind == "moved" else "ACTIVE")
    yield from _differs("task_state", api["task_state"], None)
    yield from _differs("power_state", api["power_state"], 1)
    yield from _differs("host", api["host"], way.source if kind == "home" else way.destination)
    for name in KEPT:
        yield from _differs(name, api[name], before.api[name])
    if kind == "home":
        yield from _differs("flavor", api["flavor"], before.api["flavor"])
    newest = api["migrations"][0]["status"] if api["migrations"] else "confirmed"
    if kind == "moved":
        yield from _differs("migration", newest, "finished")
    elif newest not in SETTLED:
        yield f"migration: still {newest}"


def _cloud(facts: Facts, before: Facts, way: Way, kind: str) -> Iterator[str]:
    """Bindings, attachments, allocations and images: none missing, and none left."""
    api = facts.api
    host = way.source if kind == "home" else way.destination
    bindings = {host: "ACTIVE", **({way.source: "INACTIVE"} if kind == "moved" else {})}
    wanted = {port: {"status": "ACTIVE", "bindings": bindings} for port in before.api["ports"]}
    yield from _differs("ports", api["ports"], wanted)
    held = ["attached", "reserved"] if kind == "moved" else ["attached"]
    yield from _differs("attachments", api["attachments"], dict.fromkeys(before.api["volumes"], held))
    yield from _differs("allocations", api["allocations"], [host])
    claimed = [provider for move in api["migrations"] for provider in move["allocations"]]
    yield from _differs("allocations of migrations", claimed, [way.source] if kind == "moved" else [])
    yield from _differs("images", [*api["images"], *facts.images], [])


def _rows(facts: Facts, before: Facts, way: Way, kind: str) -> Iterator[str]:
    """The rows of both cells."""
    source, target = CELLS[way.source], CELLS[way.destination]
    seat = source if kind == "home" else target
    if kind != "moved":
        other = {source, target} - {seat}
        left = [table for table in facts.rows if table.partition(".")[0] in other]
        yield from _differs("rows in the other cell", left, [])
    yield from _differs("mapping", mapped(facts.rows), seat)
    yield from _differs("queued for delete", [row["queued_for_delete"] for row in _mappings(facts)], [0])
    for cell, row in facts.instances().items():
        yield from _differs(f"hidden in {cell}", bool(row["hidden"]), cell != seat)
        # What the source was before is still there, hidden.
        wanted = "resized" if kind == "moved" and cell == seat else "active"
        yield from _differs(f"vm_state in {cell}", row["vm_state"], wanted)
    for cell in (source, target):
        keys = {row["key"] for row in facts.alive(f"{cell}.instance_system_metadata")}
        passing = keys.intersection(PASSING_KEYS if kind != "moved" else PASSING_KEYS[1:])
        yield from _differs(f"system metadata in {cell}", sorted(passing), [])
    if kind != "moved":
        for extra in facts.alive(f"{seat}.instance_extra"):
            yield from _differs("migration_context", extra["migration_context"], None)
            flavors = json.loads(extra["flavor"])
            yield from _differs("old and new flavor", [flavors.get("old"), flavors.get("new")], [None, None])
    if kind == "home":
        yield from _differs("request spec", _spec(facts), _spec(before))
    attached = {row["id"] for row in facts.alive("cinder.volume_attachment") if row["attach_status"] == "attached"}
    named = {row["attachment_id"] for row in facts.alive(f"{seat}.block_device_mapping") if row["volume_id"]}
    yield from _differs("attachments that its block devices name", named, attached)


def _mappings(facts: Facts) -> list[Document]:
    return facts.rows.get("nova_api.instance_mappings", [])


def _spec(facts: Facts) -> Document:
    """The parts of the request spec that a move changes."""
    rows = facts.rows.get("nova_api.request_specs", [])
    data = json.loads(rows[0]["spec"])["nova_object.data"] if rows else {}
    return {name: data.get(name) for name in FLAVOR}


def _hosts(facts: Facts, before: Facts, way: Way, kind: str) -> Iterator[str]:
    """Domains and files: one domain, which runs; no file of ours beside an ordinary server's, none on other hosts."""
    seat = way.source if kind == "home" else way.destination
    for host, found in facts.hosts.items():
        yield from _differs(f"domain on {host}", found.state, "running" if host == seat else "")
        files = [file for file in found.files if "lock" not in file]
        if kind == "moved" and host == way.source:
            continue
        if host != seat:
            yield from _differs(f"files on {host}", files, [])
            links = {link for link in found.links if any(link[3:] == port[:11] for port in before.api["ports"])}
            yield from _differs(f"links on {host}", sorted(links), [])
        elif kind != "moved":
            yield from _differs(f"files of ours on {host}", [file for file in files if "stackmove" in file], [])
    if kind == "home" and before.hosts[seat].files:
        yield from _differs(f"files on {seat}", facts.hosts[seat].files, before.hosts[seat].files)


def _guest(facts: Facts, before: Facts, way: Way, kind: str) -> Iterator[str]:
    """The guest has all that it ever wrote, and goes on."""
    for disk in ("root", "volume"):
        now, then = facts.guest[disk], before.guest[disk]
        if not now["text"].startswith(then["text"]):
            yield f"the guest's {disk} disk has lost what it held before, of {then['last']} numbers"
        if then["text"] and not now["complete"]:
            yield f"the guest's {disk} disk has gaps"
    yield from _differs("addresses in the guest", facts.guest["addresses"], before.guest["addresses"])
    yield from _differs("what the guest reaches", facts.guest["reaches"], before.guest["reaches"])


def untold(facts: Facts, cell: str, since: str) -> Iterator[str]:
    """Whether the server's user is told why: a fault, and an event that ended in an error, since then (UTC, ISO)."""
    if not any(str(row["created_at"]) >= since for row in facts.rows.get(f"{cell}.instance_faults", [])):
        yield "no fault tells why"
    events = facts.rows.get(f"{cell}.instance_actions_events", [])
    if not any(row["result"] == "Error" and str(row["finish_time"]) >= since for row in events):
        yield "no event of an action tells why"
