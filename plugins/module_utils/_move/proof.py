# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a move: what must be true, what was found, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import LIVE_JOBS

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
    """Every check, for a move that waits to be confirmed, that is confirmed, or that was taken back."""
    return [*_server(seen), *_guest(seen), *_network(seen), *_volumes(seen), *_placement(seen), *_leftovers(seen)]


def _home(seen: Seen) -> tuple[Document, Document]:
    """Where the server is to live, and the place that it was to leave."""
    places = seen.plan["destination"], seen.plan["source"]
    return places[::-1] if seen.plan["direction"] == "back" else places


def _is_over(seen: Seen) -> bool:
    """Whether nothing of the move is to be left, since it was confirmed or taken back."""
    return bool(seen.plan["direction"] == "back" or seen.move["migration"] is None)


def _server(seen: Seen) -> Iterator[Check]:
    plan, move = seen.plan, seen.move
    server, (home, other) = move["server"], _home(seen)
    status = "VERIFY_RESIZE"
    if _is_over(seen):
        status = "ACTIVE" if plan["running"] else "PAUSED" if plan["job"] in LIVE_JOBS else "SHUTOFF"
    flavor = plan["flavor_before" if plan["direction"] == "back" else "flavor"]
    yield Check("server", plan["server"], server["id"])
    yield Check("status", status, server["status"])
    yield Check("host", home["host"], str(server["host"]))
    yield Check("cell", home["cell"], move["home_cell"])
    yield Check("flavor", flavor["name"], move["flavor"]["name"])
    if other["cell"] != home["cell"]:
        yield Check(
            f"rows in {other['cell']}", "none" if _is_over(seen) else "hidden", move["rows"].get(other["cell"], "none")
        )
    yield Check(f"rows in {home['cell']}", "live", move["rows"].get(home["cell"], "none"))


def _guest(seen: Seen) -> Iterator[Check]:
    home, other = _home(seen)
    hosts = seen.destination_host, seen.source_host
    here, there = hosts[::-1] if seen.plan["direction"] == "back" else hosts
    guest, old = here.get("guest"), there.get("guest")
    wanted = "running" if seen.plan["running"] else "paused" if seen.plan["job"] in LIVE_JOBS else "shutoff"
    yield Check(f"guest on {home['host']}", wanted, guest["state"] if guest else "absent")
    yield Check(f"guest on {other['host']}", "absent", old["state"] if old else "absent")
    placed = {disk["disk"]: str(disk["sha512"]) for disk in seen.placed}
    for disk in seen.uploaded:
        name = disk["disk"]
        yield Check(f"{name} sha512", str(disk["sha512"])[:16], placed.get(name, "absent")[:16])
    folder = "absent" if there.get("directory") is None else "kept"
    yield Check(f"folder on {other['host']}", "absent" if _is_over(seen) else "kept", folder)


def _network(seen: Seen) -> Iterator[Check]:
    home, other = _home(seen)
    ports = {port["id"]: port for port in seen.move["server"]["ports"]}
    for wanted in seen.plan["ports"]:
        port = ports.get(wanted["id"], {"bindings": [], "status": "absent"})
        bindings = {binding["host"]: binding["status"] for binding in port["bindings"]}
        name = f"port {wanted['id'][:8]}"
        yield Check(f"{name} on {home['host']}", "ACTIVE", str(bindings.get(home["host"], "absent")))
        left = "absent" if _is_over(seen) else "INACTIVE"
        yield Check(f"{name} on {other['host']}", left, str(bindings.get(other["host"], "absent")))
        if seen.plan["running"] and port.get("admin_state_up", True):
            yield Check(name, "ACTIVE", str(port["status"]))


def _volumes(seen: Seen) -> Iterator[Check]:
    attachments = seen.move["server"]["attachments"]
    for wanted in seen.plan["volumes"]:
        if wanted["detached"]:
            continue
        found = attachments.get(wanted["volume_id"], [])
        statuses = sorted(entry["status"] for entry in found)
        expected = ["attached"] if _is_over(seen) else ["attached", "reserved"]
        name = f"volume {wanted['volume_id'][:8]}"
        yield Check(f"{name} attachments", ", ".join(expected), ", ".join(statuses))
        hosts = [str(entry["host"]) for entry in found if entry["status"] == "attached"]
        yield Check(f"{name} attached on", _home(seen)[0]["host"], ", ".join(hosts))


def _placement(seen: Seen) -> Iterator[Check]:
    allocations = seen.move["server"]["allocations"]
    yield Check("allocations", _home(seen)[0]["provider"], ", ".join(allocations))
    held = "none" if _is_over(seen) else "kept"
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
