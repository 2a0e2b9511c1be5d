# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a move: what must be true, what was found, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One thing that has to be true after a move."""

    what: str
    wanted: str
    found: str

    @property
    def ok(self) -> bool:
        """Whether it is."""
        return self.wanted == self.found

    def as_dict(self) -> Document:
        """As a module returns it."""
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True)
class Seen:
    """What was read after the move."""

    plan: Document
    move: Document
    source_host: Document
    destination_host: Document
    uploaded: Sequence[Document] = ()  # the disks as the source has sent them
    placed: Sequence[Document] = ()  # and as the destination has received them


def prove(seen: Seen) -> list[Check]:
    """Every check, for a move that waits to be confirmed or that is confirmed."""
    return [*_server(seen), *_guest(seen), *_network(seen), *_volumes(seen), *_placement(seen), *_leftovers(seen)]


def is_confirmed(seen: Seen) -> bool:
    """Whether nothing of the move is under way any more."""
    return bool(seen.move["migration"] is None)


def _server(seen: Seen) -> Iterator[Check]:
    plan, move = seen.plan, seen.move
    server = move["server"]
    status = "VERIFY_RESIZE"
    if is_confirmed(seen):
        status = "ACTIVE" if plan["running"] else "SHUTOFF"
    yield Check("server", plan["server"], server["id"])
    yield Check("status", status, server["status"])
    yield Check("host", plan["destination"]["host"], str(server["host"]))
    yield Check("cell", plan["destination"]["cell"], move["home_cell"])
    yield Check("flavor", plan["flavor"]["name"], move["flavor"]["name"])
    wanted_rows = "none" if is_confirmed(seen) else "hidden"
    yield Check(f"rows in {plan['source']['cell']}", wanted_rows, move["rows"].get(plan["source"]["cell"], "none"))
    yield Check(f"rows in {plan['destination']['cell']}", "live", move["rows"].get(plan["destination"]["cell"], "none"))


def _guest(seen: Seen) -> Iterator[Check]:
    guest, old = seen.destination_host.get("guest"), seen.source_host.get("guest")
    host, source = seen.plan["destination"]["host"], seen.plan["source"]["host"]
    yield Check(
        f"guest on {host}", "running" if seen.plan["running"] else "shutoff", guest["state"] if guest else "absent"
    )
    yield Check(f"guest on {source}", "absent", old["state"] if old else "absent")
    placed = {disk["disk"]: str(disk["sha512"]) for disk in seen.placed}
    for disk in seen.uploaded:
        name = disk["disk"]
        yield Check(f"{name} sha512", str(disk["sha512"])[:16], placed.get(name, "absent")[:16])
    folder = "absent" if seen.source_host.get("directory") is None else "kept"
    yield Check(f"folder on {source}", "absent" if is_confirmed(seen) else "kept", folder)


def _network(seen: Seen) -> Iterator[Check]:
    host, source = seen.plan["destination"]["host"], seen.plan["source"]["host"]
    ports = {port["id"]: port for port in seen.move["server"]["ports"]}
    for wanted in seen.plan["ports"]:
        port = ports.get(wanted["id"], {"bindings": [], "status": "absent"})
        bindings = {binding["host"]: binding["status"] for binding in port["bindings"]}
        yield Check(f"port {wanted['id'][:8]} on {host}", "ACTIVE", str(bindings.get(host, "absent")))
        left = "absent" if is_confirmed(seen) else "INACTIVE"
        yield Check(f"port {wanted['id'][:8]} on {source}", left, str(bindings.get(source, "absent")))
        if seen.plan["running"]:
            yield Check(f"port {wanted['id'][:8]}", "ACTIVE", str(port["status"]))


def _volumes(seen: Seen) -> Iterator[Check]:
    attachments = seen.move["server"]["attachments"]
    for wanted in seen.plan["volumes"]:
        found = attachments.get(wanted["volume_id"], [])
        statuses = sorted(entry["status"] for entry in found)
        expected = ["attached"] if is_confirmed(seen) else ["attached", "reserved"]
        name = f"volume {wanted['volume_id'][:8]}"
        yield Check(f"{name} attachments", ", ".join(expected), ", ".join(statuses))
        hosts = [str(entry["host"]) for entry in found if entry["status"] == "attached"]
        yield Check(f"{name} attached on", seen.plan["destination"]["host"], ", ".join(hosts))


def _placement(seen: Seen) -> Iterator[Check]:
    allocations = seen.move["server"]["allocations"]
    yield Check("allocations", seen.plan["destination"]["provider"], ", ".join(allocations))
    held = "none" if is_confirmed(seen) else "kept"
    yield Check("allocations of the migration", held, "kept" if seen.move["migration_allocations"] else "none")


def _leftovers(seen: Seen) -> Iterator[Check]:
    names = [image["name"] for image in seen.move["transfer_images"]]
    yield Check("temporary images", "none", ", ".join(names) or "none")


def table(name: str, checks: Sequence[Check], off_s: float | None = None) -> list[str]:
    """The proof as an operator reads it: a line each, what differs marked NO.

    :param off_s: how long the guest was off, in seconds, from the request to shut down to its start
    """
    width = max(len(check.what) for check in checks)
    lines = [
        f"{check.what:<{width}}  {'ok' if check.ok else 'NO'}  {check.found}"
        + ("" if check.ok else f" (wanted: {check.wanted})")
        for check in checks
    ]
    proven = sum(check.ok for check in checks)
    off = f"; the guest was off for {off_s:.1f} s" if off_s else ""
    return [f"{name}: {proven} of {len(checks)} checks hold{off}", *lines]
