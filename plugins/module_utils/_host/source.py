# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the host that a guest leaves: let it go, take it back, or forget it.

That is the source of a move, and its destination when the move is reverted.

What is decided (``plan_*``, pure functions) and what is done (:class:`SourceHost`) are apart, so that check mode, diff,
and the real run say the same. Two files beside the guest's disks outlive us: its XML, and how far we came. Each step
is noted when it is done, so that a run that was killed anywhere is run again and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    disk_reader,
    instance_dir,
    qcow2_stream,
    vifs,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_protocol import (
    GuestControl,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_state import Seen
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import (
    ImageService,
    Transfer,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes

ROLE = "source"


def _own_note(seen: Seen, server: str, migration: str) -> Mapping[str, Any] | None:
    """Return this move's note, if it has let the guest go from here.

    :raises ConflictError: when another move has
    """
    note = seen.note
    if note is None or note.get("role") != ROLE:
        return None  # a guest that a move has brought here has not left yet
    if note.get("migration") == migration:
        return note
    if not seen.defined:
        raise ConflictError(
            f"work on server {server} at its source",
            f"migration {note.get('migration')} has let it go from this host.",
            "Finish that move or roll it back first.",
        )
    return None  # left over from a move that is long complete


def plan_release(seen: Seen, server: str, migration: str, transfers: Sequence[Transfer]) -> list[str]:
    """Decide what is left to do until the guest is gone from here and its disks are uploaded.

    :raises NotFoundError: when there is no such guest here
    """
    note = _own_note(seen, server, migration)
    if not seen.defined and note is None:
        raise NotFoundError(
            f"let server {server} go",
            "it is not defined on this host, and no move of it began here.",
            "Check on which host the server is.",
        )
    sent = (note or {}).get("disks", {})
    # A guest that still runs, or runs again, may have changed since it was noted.
    steps = ["keep"] if note is None or seen.active else []
    if seen.active:
        steps.append("shut_down")
    for transfer in transfers:
        # What was uploaded before the guest ran again is not its disk any more.
        if seen.active or sent.get(transfer.disk, {}).get("image_id") != transfer.image_id:
            steps.append(f"upload:{transfer.disk}")
    if seen.defined:
        steps.append("undefine")
    if seen.defined or (note or {}).get("phase") != "released":
        steps.append("disconnect")
    return steps


def plan_restore(seen: Seen, server: str, migration: str) -> list[str]:
    """Decide what is left to do until the guest is here as before.

    :raises NotFoundError: when it is neither here nor kept
    """
    note = _own_note(seen, server, migration)
    if note is None:
        if seen.defined:
            # Killed after it had kept the XML, and before it noted so.
            begun = seen.kept and (seen.note is None or seen.note.get("role") == "destination")
            return ["forget"] if begun else []
        raise NotFoundError(
            f"restore server {server}",
            "it is not defined on this host, and nothing of it was kept here.",
            "Check on which host the server is; a hard reboot by Nova defines it anew.",
        )
    steps = []
    if not seen.active:
        steps.append("connect")
        if not seen.defined or note.get("phase") != "kept":
            steps.append("define")
        if note.get("was_running"):
            steps.append("start")
    return [*steps, "forget"]


def plan_absent(seen: Seen, server: str, connected: bool = False) -> list[str]:
    """Decide what is left to do until nothing of the guest is here.

    :param connected: whether it has left with its volumes and ports still here, as by a live migration
    :raises ConflictError: when it runs here
    """
    if seen.active:
        raise ConflictError(
            f"remove server {server} from its source",
            "it runs on this host.",
            "Check where the server is; nothing was removed.",
        )
    steps = ["undefine_all"] if seen.defined else []
    # The folder goes last, so that it tells whether anything is left to be done.
    steps += ["disconnect"] if connected and (seen.defined or seen.directory) else []
    steps += ["remove_directory"] if seen.directory else []
    return [*steps, "remove_remains"] if seen.remains else steps


class SourceHost:
    """A guest on its source host.

    :param guest: the guest, through libvirt
    :param folder: its folder
    :param migration: the uuid that names the move
    :param volumes: this host's side of Cinder
    :param ports: this host's side of Neutron
    :param formats: file name → format of its local disks, from a domain's XML
    :param patch: puts volumes' connections into a domain's XML
    """

    def __init__(
        self,
        guest: GuestControl,
        folder: instance_dir.InstanceDir,
        migration: str,
        volumes: Volumes,
        ports: vifs.Ports,
        formats: Callable[[str], dict[str, str]],
        patch: Callable[[str, Sequence[Mapping[str, Any]]], str],
    ) -> None:
        self._guest = guest
        self._folder = folder
        self._migration = migration
        self._volumes = volumes
        self._ports = ports
        self._formats = formats
        self._patch = patch
        self._note = folder.note

    def release(
        self,
        steps: Sequence[str],
        transfers: Sequence[Transfer],
        images: ImageService | None,
        connections: Sequence[Mapping[str, Any]],
        ports: Sequence[vifs.Vif],
        timeout_s: float,
        retry_interval_s: float,
    ) -> None:
        """Do the steps of :func:`plan_release`.

        :param connections: the volumes'; without any, those that were noted while the guest still ran
        :param timeout_s: seconds that the guest has to shut down
        :param retry_interval_s: seconds after which it is asked again
        """
        if "keep" in steps:
            self._keep(connections)
        # While the guest still runs: what would fail later fails now, and costs no downtime.
        uploads = [transfer for transfer in transfers if f"upload:{transfer.disk}" in steps]
        for transfer in uploads:
            self._require_ready(transfer, images)
        if "shut_down" in steps:
            self._guest.refuse_what_undefine_loses()
            self._note.remember(off_since=time.time())
            clean = self._guest.shut_down(timeout_s, retry_interval_s)
            self._note.remember(clean_shutdown=clean, disks={})
        for transfer in uploads:
            self._upload(transfer, images)
        if "undefine" in steps:
            self._note.remember(phase="undefining")
            self._guest.undefine(keep_state=True)
        if "disconnect" in steps:
            noted = self._note.require()
            for connection in connections or noted.get("connections", []):
                self._volumes.disconnect(connection)
            for port in ports:
                self._ports.unplug(port, self._guest.uuid, str(noted["name"]))
            self._note.remember(phase="released")

    def restore(
        self,
        steps: Sequence[str],
        connections: Sequence[Mapping[str, Any]],
        ports: Sequence[vifs.Vif],
    ) -> None:
        """Do the steps of :func:`plan_restore`.

        :param connections: the volumes'; without any, those that were noted while the guest still ran
        """
        if "connect" in steps:
            noted = self._note.require()
            for port in ports:
                self._ports.plug(port, self._guest.uuid, str(noted["name"]))
            known = connections or noted.get("connections", [])
            connections = [self._volumes.connect(connection) for connection in known]
            self._note.remember(connections=connections)
        if "define" in steps:
            self._guest.define(self._patch(self._kept_xml(), connections))
        if "start" in steps:
            self._guest.start()
        if "forget" in steps:
            self._forget()

    def remove(
        self,
        steps: Sequence[str],
        connections: Sequence[Mapping[str, Any]] = (),
        ports: Sequence[vifs.Vif] = (),
    ) -> None:
        """Do the steps of :func:`plan_absent`.

        :param connections: the volumes' to let go

        :raises ConflictError: when another guest of this host uses a file of the folder
        """
        others = self._guest.others_using(f"{self._folder.path}/")
        if "remove_directory" in steps and others:
            raise ConflictError(
                f"remove {self._folder.path}",
                f"guest {', '.join(others)} uses files in it.",
                "Nothing was removed; look at that guest's disks.",
            )
        if "undefine_all" in steps:
            self._guest.undefine(keep_state=False)
        if "disconnect" in steps:
            for connection in connections:
                self._volumes.disconnect(connection)
            for port in ports:
                # Its domain is gone with its name, which os-vif only tells in its log.
                self._ports.unplug(port, self._guest.uuid, self._guest.uuid)
        if "remove_directory" in steps:
            self._folder.remove()
        if "remove_remains" in steps:
            self._folder.remove_remains()

    def result(self) -> dict[str, Any]:
        """Return what a later step needs to know of this one."""
        note = self._note.read() or {}
        return {
            "was_running": note.get("was_running"),
            "clean_shutdown": note.get("clean_shutdown"),
            "off_since": note.get("off_since"),
            "domain_xml": self._kept_xml(),
            "disks": [{"disk": name, **details} for name, details in sorted(note.get("disks", {}).items())],
        }

    def _keep(self, connections: Sequence[Mapping[str, Any]]) -> None:
        self._guest.refuse_what_undefine_loses()
        before = self._note.read() or {}
        if before.get("migration") != self._migration:
            before = {}  # left over from a move that is long complete
        instance_dir.write_atomically(self._folder.kept_xml, self._guest.definition(secrets=True), 0o600)
        self._note.write(
            {
                "role": ROLE,
                "migration": self._migration,
                "name": self._guest.name(),
                "was_running": self._guest.is_active(),
                "phase": "kept",
                "disks": {},
                # A run that goes on after a kill may not be told them again.
                "connections": [dict(connection) for connection in connections or before.get("connections", [])],
                # The note of its arrival, when this move has brought it here and is reverted.
                "arrived": before.get("arrived") if before.get("role") == ROLE else before or None,
            }
        )

    def _kept_xml(self) -> str:
        try:
            return self._folder.kept_xml.read_text("utf-8")
        except FileNotFoundError as error:
            raise NotFoundError(
                f"define server {self._guest.uuid} again",
                f"{self._folder.kept_xml} has disappeared.",
                "A hard reboot by Nova defines it anew.",
            ) from error

    def _forget(self) -> None:
        noted = self._note.read() or {}
        # The XML first: without the note it would be a left-over that nobody looks for.
        instance_dir.remove_written(self._folder.kept_xml)
        if noted.get("arrived"):
            self._note.write({**noted["arrived"], "connections": noted["connections"]})
        elif noted.get("role", ROLE) == ROLE:
            self._note.remove()

    def _require_ready(self, transfer: Transfer, images: ImageService | None) -> tuple[str, ImageService]:
        """Return a disk's format and where it is sent, after checking that both are there and fit."""
        what = f"upload disk {transfer.disk} of server {self._guest.uuid}"
        if images is None:
            raise StackmoveError(what, "no image endpoint or token is given.", "Set endpoint and token.")
        known = {**self._folder.formats(), **self._formats(self._kept_xml())}
        if transfer.disk not in known or not (self._folder.path / transfer.disk).is_file():
            raise NotFoundError(what, f"{self._folder.path} has no such disk.", "Check transfers.")
        image_format = "qcow2" if known[transfer.disk] == "qcow2" else "raw"
        if transfer.disk_format != image_format:
            raise StackmoveError(
                what,
                f"it is {image_format}, and image {transfer.image_id} is for {transfer.disk_format}.",
                "Make the image anew with the disk's format.",
            )
        if images.has_bytes(transfer.image_id) and self._guest.is_active():
            raise ConflictError(
                what,
                f"image {transfer.image_id} has bytes already, and the guest still writes to the disk.",
                "Delete the image and run again.",
            )
        return known[transfer.disk], images

    def _upload(self, transfer: Transfer, images: ImageService | None) -> None:
        disk_format, service = self._require_ready(transfer, images)
        image_format = "qcow2" if disk_format == "qcow2" else "raw"
        started = time.monotonic()
        path = self._folder.path / transfer.disk
        with disk_reader.opened(path, disk_format) as disk:
            size = length = disk.size_bytes
            chunks = raw_chunks(size, disk.read)
            if image_format == "qcow2":
                stream = qcow2_stream.Qcow2Stream(size, disk.extents())
                chunks, length = stream.stream(disk.read), stream.length
            # A run that was killed after the last byte was sent left an image that may be whole: the same disk
            # gives the same bytes, so their checksum tells.
            send = service.verify if service.has_bytes(transfer.image_id) else service.upload
            sent = send(transfer.image_id, chunks, length)
        uploaded = {
            "image_id": transfer.image_id,
            "disk_format": image_format,
            "size_bytes": sent.size_bytes,
            "virtual_size_bytes": size,
            "sha512": sent.sha512,
            "seconds": round(time.monotonic() - started, 3),
        }
        self._note.remember(disks={**self._note.require()["disks"], transfer.disk: uploaded})


def raw_chunks(size_bytes: int, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """Give a raw disk's bytes in order, holes as zeros.

    :param read: returns that many bytes (first argument) of the disk from that offset (second)
    """
    for offset in range(0, size_bytes, qcow2_stream.CHUNK):
        yield read(min(qcow2_stream.CHUNK, size_bytes - offset), offset)
