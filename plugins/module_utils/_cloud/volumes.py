# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cinder: volumes, and the attachments by which two hosts hold or reserve one for the same server.

An attachment without a connector is *reserved*: it keeps the volume for its server, and connects it to nothing.
One with a connector is *connected*: Cinder has exported the volume to that host. Whatever is between the two is
*unfinished*: somebody died, or Cinder failed, while it was being connected or detached.

Three refusals rule the order of everything here:

- an attachment gets no connector while another one of a volume that isn't multi-attach has one (409), so the side
  that lets go does so first;
- a connected attachment is deleted only for a service (409, CVE-2023-2088), so that takes a service token;
- nothing is reserved while the volume is ``attaching`` (400), so what is unfinished is completed before: that writes
  Cinder's database and nothing else.

For a live migration both sides are connected for a while: an attachment that is created with its connector is not
refused beside another one (``ComputeManager.pre_live_migration`` of Nova).

A server must keep an attachment all the time, or the volume becomes available and anyone may take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    ApiError,
    Json,
    call,
    has_service_token,
    translated,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

#: The version of the API that Nova speaks with Cinder about attachments: the first with ``os-complete``.
ATTACHMENT_VERSION = "3.44"
SIDES = ("source", "destination")
#: In the place of an id: the attachment that the plan creates.
NEW = "(new)"
#: Nova stores Cinder's answer to the update, which shows the attachment as it was before, and it never stores another.
_STORED_STATUS = "reserved"
_NO_SERVICE = "Set service_cloud to an entry of clouds.yaml whose user has the role service."


@dataclass(frozen=True)
class Attachment:
    """An attachment as far as the plan needs it.

    :param host: of which it is connected; Cinder tells it of complete ones only
    :param exported: whether Cinder has given it a connection
    """

    id: str
    status: str
    host: str | None = None
    exported: bool = False

    @property
    def reserved(self) -> bool:
        """Whether it has no connector, and never had."""
        return self.status == "reserved" and not self.exported

    @property
    def connected(self) -> bool:
        """Whether a host has it: a guest may be using the volume by it."""
        return self.status == "attached" and self.exported

    @property
    def unfinished(self) -> bool:
        """Whether it was being connected or detached when somebody died.

        A guest may be using it only where a mapping names it and it is exported: Nova has then died before it
        completed it. Ours are completed before any guest hears of them.
        """
        return not (self.reserved or self.connected)


@dataclass(frozen=True)
class WantedVolume:
    """A volume of the server, with what its two block device mappings say of its attachments."""

    volume_id: str
    source_attachment_id: str | None = None
    destination_attachment_id: str | None = None
    mountpoint: str | None = None
    #: Whether the server's user has detached it since the move, so that nobody is to hold it any more.
    detached: bool = False

    def named(self, side: str) -> str | None:
        """Return the attachment's id that one side's mapping has."""
        return self.source_attachment_id if side == "source" else self.destination_attachment_id


@dataclass(frozen=True)
class Holding:
    """What the attachments have to become.

    :param held_by: whose attachment is connected: V(source), V(destination) or V(both)
    :param reserve: whether the other side keeps a reserved one
    :param hosts: Nova's names of the hosts, by side
    """

    held_by: str
    reserve: bool = True
    hosts: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def taker(self) -> str:
        """The side that gets what has to be connected."""
        return "destination" if self.held_by == "both" else self.held_by

    @property
    def confirms(self) -> bool:
        """Whether this ends a move: the server may have lost volumes since, by its user's will."""
        return self.held_by == "destination" and not self.reserve


@dataclass(frozen=True)
class AttachmentChange:
    """One call to Cinder: `action` is V(create), V(delete), V(connect), V(complete), or V(attach): create connected.

    :param side: whose attachment it is; V(spare) or V(unfinished): nobody's
    :param attachment_id: None means the one that this plan creates for that side
    :param for_service: whether Cinder does this for a service only
    """

    action: str
    volume_id: str
    side: str
    attachment_id: str | None = None
    for_service: bool = False

    def __str__(self) -> str:
        whose = f"{self.side}'s" if self.side in SIDES else self.side
        which = f" {self.attachment_id}" if self.attachment_id else ""
        return f"{self.action} the {whose} attachment{which} of volume {self.volume_id}"


@dataclass(frozen=True)
class Sides:
    """The attachments of one volume and server, told apart.

    :param spare: reserved ones of neither side
    :param unfinished: unfinished ones of neither side, which nobody uses
    """

    source: Attachment | None = None
    destination: Attachment | None = None
    spare: tuple[Attachment, ...] = ()
    unfinished: tuple[Attachment, ...] = ()
    multiattach: bool = False

    @property
    def all(self) -> list[Attachment]:
        """Every attachment of the volume that is this server's."""
        return [entry for entry in (self.source, self.destination, *self.spare, *self.unfinished) if entry]

    def of(self, side: str) -> Attachment | None:
        """Return one side's attachment."""
        return self.source if side == "source" else self.destination

    def describe(self) -> dict[str, str]:
        """Return each side's attachment, for a diff."""
        found = {side: self.of(side) for side in SIDES}
        return {side: f"{entry.status} {entry.id}" if entry else "none" for side, entry in found.items()}


@dataclass(frozen=True)
class VolumePlan:
    """The calls in their order, and what each side has after them.

    :param after: the id of each side's attachment; None: it has none, :data:`NEW`: the one created for it
    :param statuses: the status of each side's attachment after the last call
    """

    changes: tuple[AttachmentChange, ...]
    after: Mapping[str, str | None]
    statuses: Mapping[str, str | None]

    def describe(self) -> dict[str, str]:
        """Return each side's attachment after the last call, for a diff."""
        return {side: f"{self.statuses[side]} {key}" if key else "none" for side, key in self.after.items()}


# Observe


def max_microversion(conn: Connection) -> str | None:
    """Return the newest version of the API that Cinder speaks, e.g. ``3.70``; None if it speaks none.

    :raises ApiError: Cinder can't be asked
    """
    with translated("read the versions of Cinder", service="block_storage"):
        data = conn.block_storage.get_endpoint_data()
    if data is None or data.max_microversion is None:
        return None
    return ".".join(str(part) for part in data.max_microversion)


def volume(conn: Connection, volume_id: str) -> Json:
    """Return id, name, status, size (GiB), type, multiattach, encrypted, bootable and attachments of a volume.

    :raises NotFoundError: there is no such volume
    :raises ApiError: Cinder refused
    """
    what = f"read volume {volume_id}"
    answer = call(
        conn,
        "block_storage",
        "GET",
        f"/volumes/{volume_id}",
        what=what,
        accept=(404,),
        microversion=ATTACHMENT_VERSION,
    )
    if answer.status_code == 404:
        raise NotFoundError(what, "there is no such volume.", "Detach it from the server: it is lost.")
    found = answer.json()["volume"]
    return {
        "id": found["id"],
        "name": found.get("name"),
        "status": found.get("status"),
        "size": found.get("size"),
        "type": found.get("volume_type"),
        "multiattach": bool(found.get("multiattach")),
        "encrypted": bool(found.get("encrypted")),
        "bootable": str(found.get("bootable")).lower() == "true",
        "host": found.get("os-vol-host-attr:host"),
        "attachments": found.get("attachments") or [],
    }


def attachments(conn: Connection, server_id: str, found_volume: Json) -> list[Json]:
    """Return the attachments of one volume that belong to one server, those of other servers left out.

    Cinder's attachments don't tell their host; the volume does, of complete ones.

    :param found_volume: what :func:`volume` returned
    :raises ApiError: Cinder refused
    """
    answer = call(
        conn,
        "block_storage",
        "GET",
        "/attachments/detail",
        params={"volume_id": found_volume["id"], "instance_id": server_id, "all_tenants": "1"},
        microversion=ATTACHMENT_VERSION,
        what=f"list the attachments of volume {found_volume['id']}",
    )
    hosts = {entry.get("attachment_id"): entry.get("host_name") for entry in found_volume["attachments"]}
    return [
        {
            "id": entry["id"],
            "status": entry["status"],
            "instance": entry["instance"],
            "host": hosts.get(entry["id"]),
            "exported": bool(entry.get("connection_info")),
            "attached_at": entry.get("attached_at") or None,
        }
        for entry in sorted(answer.json()["attachments"], key=lambda entry: str(entry["id"]))
        if entry.get("instance") == server_id and entry.get("volume_id") == found_volume["id"]
    ]


def connection_info(attachment: Json, volume_id: str, multiattach: bool) -> Json | None:
    """Return what Nova keeps in ``block_device_mapping.connection_info`` for an attachment.

    Cinder's is flat; Nova's has Cinder's rest under ``data`` and some of the attachment's own fields beside it
    (``nova.volume.cinder``), the volume's id as ``serial``, and the flag ``multiattach``
    (``nova.virt.block_device``).

    :param attachment: ``attachment`` of Cinder's answer to ``PUT`` or ``GET /attachments/{id}``
    """
    flat = dict(attachment.get("connection_info") or {})
    if not flat:
        return None
    flat.pop("attachment_id", None)
    info: Json = {
        "driver_volume_type": flat.pop("driver_volume_type", None),
        "data": flat,
        "status": _STORED_STATUS,
        "instance": attachment.get("instance"),
        "attached_at": "",
        "detached_at": "",
        "volume_id": volume_id,
        "serial": volume_id,
    }
    if multiattach:
        info["multiattach"] = True
    return info


def read_connection(conn: Connection, attachment_id: str) -> Json:
    """Return an attachment as Cinder has it, its secrets included.

    :raises ApiError: Cinder refused, or there is no such attachment
    """
    answer = call(
        conn,
        "block_storage",
        "GET",
        f"/attachments/{attachment_id}",
        microversion=ATTACHMENT_VERSION,
        what=f"read attachment {attachment_id}",
    )
    attachment: Json = answer.json()["attachment"]
    return attachment


def observe(conn: Connection, server_id: str, wanted: WantedVolume, holding: Holding) -> Sides:
    """Read a volume's attachments of one server, and tell them apart.

    :raises NotFoundError: there is no such volume
    :raises ConflictError: see :func:`tell_apart`
    :raises ApiError: Cinder refused
    """
    try:
        found = volume(conn, wanted.volume_id)
    except NotFoundError:
        if not _may_be_gone(wanted, holding):
            raise
        return Sides()
    observed = [
        Attachment(entry["id"], entry["status"], entry["host"], entry["exported"])
        for entry in attachments(conn, server_id, found)
    ]
    return replace(tell_apart(wanted, observed, holding), multiattach=found["multiattach"])


# Plan


def tell_apart(wanted: WantedVolume, observed: Sequence[Attachment], holding: Holding) -> Sides:
    """Find out which attachment is whose.

    The mappings' ids decide. A run that ended between Cinder's answer and the mapping's update leaves others: a
    connected one is of the side whose host it names, a reserved one of a side that lacks any, an unfinished one of
    none.

    :raises ConflictError: a connected attachment is neither side's
    """
    rest = {attachment.id: attachment for attachment in observed}
    sides = {side: rest.pop(wanted.named(side) or "", None) for side in SIDES}
    for attachment in [entry for entry in rest.values() if entry.connected]:
        side = next((side for side in SIDES if attachment.host and attachment.host == holding.hosts.get(side)), None)
        replaced = sides[side] if side else None
        if side is None or (replaced is not None and replaced.connected):
            raise ConflictError(
                f"tell whose attachment {attachment.id} of volume {wanted.volume_id} is",
                f"it is {attachment.status} on host {attachment.host or 'unknown'}, and no side of the move names it.",
                "Give its id as the source's or the destination's attachment.",
            )
        sides[side] = rest.pop(attachment.id)
        if replaced is not None:
            rest[replaced.id] = replaced
    spare = sorted(key for key, entry in rest.items() if entry.reserved)
    for side in SIDES:
        if sides[side] is None and spare:
            sides[side] = rest.pop(spare.pop(0))
    return Sides(
        sides["source"],
        sides["destination"],
        tuple(rest[key] for key in spare),
        tuple(rest[key] for key in sorted(rest) if key not in spare),
    )


def plan_volume(wanted: WantedVolume, sides: Sides, holding: Holding) -> VolumePlan:
    """Decide what takes a volume's attachments to `holding`, in the one order that Cinder allows.

    First whatever has to be reserved, then whatever has to go, then the connection. The sides are mirror images:
    what gives the destination its volume gives it back to the source.

    :raises ConflictError: the server has no attachment at all, and one would attach the volume anew; or the volume
        was detached, and is connected
    """
    plan = _Planner(wanted, sides)
    left = sides.destination is None and (sides.source is None or sides.source.reserved)
    if wanted.detached or (_may_be_gone(wanted, holding) and left):
        for side in SIDES:
            plan.drop(side)
        return plan.finish()
    if not sides.all:
        raise ConflictError(
            f"find the attachments of volume {wanted.volume_id}",
            "this server has none, reserved or connected: the volume isn't its own.",
            "Compare openstack volume show with the server's volumes, and detach the volume if it was lost.",
        )
    if holding.held_by == "both":
        plan.share()
        return plan.finish()
    for side in SIDES:
        if side == holding.held_by:
            plan.hold(side)
        elif holding.reserve:
            plan.reserve(side)
        else:
            plan.drop(side)
    return plan.finish()


def _may_be_gone(wanted: WantedVolume, holding: Holding) -> bool:
    """Whether the server's user may have detached the volume while the move waited to be confirmed."""
    return wanted.detached or (holding.confirms and wanted.destination_attachment_id is None)


class _Planner:
    """Collects the changes of one volume."""

    def __init__(self, wanted: WantedVolume, sides: Sides) -> None:
        self.wanted = wanted
        self.sides = sides
        self.spare = list(sides.spare)
        self.created: list[AttachmentChange] = []
        self.deleted: list[AttachmentChange] = []
        self.connected: list[AttachmentChange] = []
        self.after: dict[str, str | None] = {}
        self.statuses: dict[str, str | None] = {}

    def _change(self, action: str, side: str, attachment_id: str | None = None) -> AttachmentChange:
        return AttachmentChange(action, self.wanted.volume_id, side, None if attachment_id == NEW else attachment_id)

    def _delete(self, side: str, entry: Attachment) -> AttachmentChange:
        return AttachmentChange("delete", self.wanted.volume_id, side, entry.id, for_service=entry.exported)

    def finish(self) -> VolumePlan:
        """Put the changes in their order; what is nobody's goes."""
        unfinished = [entry for entry in self.sides.all if entry.unfinished] if self.created else []
        completed = [self._change("complete", "unfinished", entry.id) for entry in unfinished]
        strays = [self._delete("spare", entry) for entry in self.spare]
        strays += [self._delete("unfinished", entry) for entry in self.sides.unfinished]
        return VolumePlan(
            tuple(completed + self.created + self.deleted + strays + self.connected), self.after, self.statuses
        )

    def reserve(self, side: str) -> None:
        """Let a side have a reserved attachment, in the place of another one if it has that."""
        self.statuses[side] = "reserved"
        current = self.sides.of(side)
        if current is not None and current.reserved:
            self.after[side] = current.id
            return
        if self.spare:
            self.after[side] = self.spare.pop(0).id
        else:
            self.after[side] = NEW
            self.created.append(self._change("create", side))
        if current is not None:
            self.deleted.append(self._delete(side, current))

    def hold(self, side: str) -> None:
        """Let a side have the connected attachment; one that was never exported is connected as a reserved one is."""
        current = self.sides.of(side)
        if current is None:
            self.reserve(side)
        else:
            self.after[side] = current.id
        self.statuses[side] = "attached"
        if current is None or not current.exported:
            self.connected.append(self._change("connect", side, self.after[side]))
        if current is None or not current.connected:
            self.connected.append(self._change("complete", side, self.after[side]))

    def share(self) -> None:
        """Let the destination have a connected attachment beside the source's.

        :raises ConflictError: the source has none, so that there is nothing to migrate live
        """
        source, destination = self.sides.source, self.sides.destination
        if source is None or not source.exported:
            raise ConflictError(
                f"connect volume {self.wanted.volume_id} to both hosts",
                "its source is not connected to it.",
                "Compare openstack volume show with the server's volumes; a hard reboot by Nova connects them anew.",
            )
        self.hold("source")
        if destination is not None and destination.exported:
            self.hold("destination")
            return
        if destination is not None:  # it cannot be connected as long as the source's is
            self.deleted.append(self._delete("destination", destination))
        self.after["destination"], self.statuses["destination"] = NEW, "attached"
        self.connected += [self._change("attach", "destination"), self._change("complete", "destination")]

    def drop(self, side: str) -> None:
        """Leave a side without any attachment.

        :raises ConflictError: it is connected, though the volume was detached
        """
        current = self.sides.of(side)
        self.after[side] = self.statuses[side] = None
        if current is None:
            return
        if self.wanted.detached and current.connected:
            raise ConflictError(
                f"let go volume {self.wanted.volume_id}, which was detached",
                f"the {side}'s attachment {current.id} is connected to host {current.host}, where a guest may use it.",
                "Detach it there first: openstack server remove volume.",
            )
        self.deleted.append(self._delete(side, current))


def ids_of(sides: Sides) -> dict[str, str | None]:
    """Return the id of each side's attachment."""
    found = {side: sides.of(side) for side in SIDES}
    return {side: entry.id if entry else None for side, entry in found.items()}


def check_means(
    changes: Iterable[AttachmentChange], holding: Holding, connector: Json | None, service_token: bool
) -> None:
    """Refuse a plan for which something is missing, before anything is changed.

    :param service_token: whether requests carry one
    :raises StackmoveError: there is no service token, no connector, or another host's
    """
    for change in changes:
        if change.for_service and not service_token:
            raise StackmoveError(str(change), "Cinder deletes a connected one only for a service.", _NO_SERVICE)
        if change.action not in ("connect", "attach"):
            continue
        if not connector:
            raise StackmoveError(
                str(change),
                "no connector was given.",
                "Pass the one that hypervisor_info reports for that host.",
            )
        host = holding.hosts.get(holding.taker)
        if host and connector.get("host") != host:
            raise StackmoveError(
                str(change),
                f"the connector is of host {connector.get('host')}, but the {holding.taker} is {host}.",
                "Pass the connector of the host that is to hold the volumes.",
            )


# Apply


def apply_plan(
    conn: Connection, server_id: str, wanted: WantedVolume, plan: VolumePlan, connector: Json | None
) -> tuple[dict[str, str | None], Json | None]:
    """Carry out the plan of one volume.

    :returns: the ids of the attachments by side, and Cinder's answer to the call which connected one, if any
    :raises ApiError: Cinder refused; what was done until then fits the next plan
    """
    created: dict[str, str] = {}
    answer: Json | None = None
    for change in plan.changes:
        attachment_id = change.attachment_id or created.get(change.side, "")
        if change.action == "create":
            created[change.side] = str(_create(conn, server_id, change, None)["id"])
        elif change.action == "attach":
            answer = _create(conn, server_id, change, {**(connector or {}), **_mountpoint(wanted, connector)})
            created[change.side] = str(answer["id"])
        elif change.action == "delete":
            _delete(conn, change)
        elif change.action == "connect":
            answer = _connect(conn, change, attachment_id, {**(connector or {}), **_mountpoint(wanted, connector)})
        else:
            _complete(conn, change, attachment_id)
    ids = {side: created.get(side) if key == NEW else key for side, key in plan.after.items()}
    return ids, answer


def holders_connection(
    conn: Connection, volume_id: str, attachment_id: str | None, answer: Json | None, multiattach: bool
) -> Json | None:
    """Return how the holder reaches its volume, as Nova stores it; None where nobody is connected.

    :param attachment_id: the holder's
    :param answer: Cinder's to the call that connected it just now; it is asked otherwise
    :raises ApiError: Cinder refused
    """
    if answer is None and attachment_id is not None:
        answer = read_connection(conn, attachment_id)
    return connection_info(answer, volume_id, multiattach) if answer else None


def _mountpoint(wanted: WantedVolume, connector: Json | None) -> Json:
    """Cinder takes the device's name as a part of the connector, if that has none of its own."""
    if not wanted.mountpoint or "mountpoint" in (connector or {}):
        return {}
    return {"mountpoint": wanted.mountpoint}


def _create(conn: Connection, server_id: str, change: AttachmentChange, connector: Json | None) -> Json:
    answer = call(
        conn,
        "block_storage",
        "POST",
        "/attachments",
        json={"attachment": {"volume_uuid": change.volume_id, "instance_uuid": server_id, "connector": connector}},
        microversion=ATTACHMENT_VERSION,
        what=str(change),
        remedy="Check that the volume is still attached to this server: openstack volume show.",
    )
    attachment: Json = answer.json()["attachment"]
    return attachment


def _delete(conn: Connection, change: AttachmentChange) -> None:
    try:
        call(
            conn,
            "block_storage",
            "DELETE",
            f"/attachments/{change.attachment_id}",
            microversion=ATTACHMENT_VERSION,
            what=str(change),
            accept=(404,),
        )
    except ApiError as error:
        if error.status != 409:
            raise
        remedy = "Give the user of service_cloud the role service." if has_service_token(conn) else _NO_SERVICE
        raise ApiError(error.what, f"Cinder deletes it only for a service ({error.cause})", remedy, 409) from error


def _connect(conn: Connection, change: AttachmentChange, attachment_id: str, connector: Json) -> Json:
    try:
        answer = call(
            conn,
            "block_storage",
            "PUT",
            f"/attachments/{attachment_id}",
            json={"attachment": {"connector": connector}},
            microversion=ATTACHMENT_VERSION,
            what=f"connect volume {change.volume_id} to host {connector.get('host')}",
            remedy="See cinder-volume's log for the request id, and that no other attachment of it is connected.",
        )
    except ApiError as error:
        # Where the first answer was lost, the second says that there is a connection already: its own.
        if error.status in (400, 409) and read_connection(conn, attachment_id).get("connection_info"):
            return read_connection(conn, attachment_id)
        raise
    attachment: Json = answer.json()["attachment"]
    return attachment


def _complete(conn: Connection, change: AttachmentChange, attachment_id: str) -> None:
    call(
        conn,
        "block_storage",
        "POST",
        f"/attachments/{attachment_id}/action",
        json={"os-complete": {}},
        repeatable=True,
        microversion=ATTACHMENT_VERSION,
        what=str(change),
    )
