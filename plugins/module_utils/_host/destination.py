# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the host that takes a guest in: make room for it, define it, or give it up.

That is the destination of a move, and its source when the move is reverted: the disks are there already, then.

What is decided (``plan_*``, pure functions) and what is done (:class:`DestinationHost`) are apart, so that check mode,
diff, and the real run say the same. A marker in the server's folder names the move that made it: without it, nothing
is ever removed here.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    instance_dir,
    qemu_img,
    storage,
    vifs,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_protocol import (
    GuestControl,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_state import Seen, look
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import (
    ImageService,
    Transfer,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.nova_conf import NovaConf
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes

ROLE = "destination"
#: The role in the note of a host that takes a guest in again, with the disks that it had there.
RETURNED = "returned"
_GIB = 1024**3
_ROOT = "disk"


@dataclass(frozen=True)
class BaseImage:
    """The image that a server was made from, as Glance has it."""

    id: str
    disk_format: str


@dataclass(frozen=True)
class EmptyDisk:
    """A local disk that a live migration fills.

    :param over_base: whether it stands on the image that the server was made from, as at the source
    """

    disk: str
    disk_format: str
    virtual_size_bytes: int
    over_base: bool


def _is_ours(seen: Seen, role: str, migration: str) -> bool:
    return seen.note is not None and (seen.note.get("role"), seen.note.get("migration")) == (role, migration)


def _refuse_foreign(seen: Seen, what: str, migration: str) -> None:
    """Refuse what another has made.

    :param what: what is attempted, for the error's message
    :raises ConflictError: when a domain or folder of the server is here that is not this move's
    """
    if _is_ours(seen, ROLE, migration):
        return
    found = "a domain" if seen.defined else "a folder" if seen.directory else ""
    if found:
        by = f" (migration {seen.note.get('migration')})" if seen.note else ""
        raise ConflictError(
            what,
            f"{found} of it is on this host already, and it was not made by this move{by}.",
            "Look whether it is a left-over; remove it by hand, or choose another destination.",
        )


def plan_stage(seen: Seen, server: str, migration: str) -> list[str]:
    """Decide what can be done while the guest still runs at the source."""
    _refuse_foreign(seen, f"make room for server {server}", migration)
    steps = ["remove_remains"] if seen.remains else []
    steps += [] if seen.directory else ["create_directory"]
    return steps if seen.base else [*steps, "fetch_base"]


def plan_await(
    seen: Seen, server: str, migration: str, disks: Sequence[EmptyDisk], untouched: Collection[str]
) -> list[str]:
    """Decide what is left to do until a guest that runs elsewhere can arrive here.

    Where its domain is here, it arrives or has arrived, and nothing is touched.

    :param untouched: the names of the disks that were made for it, and nobody has written to since. What a migration
        that failed has written would be below what the next one writes.
    """
    room = plan_stage(seen, server, migration)
    if seen.defined:
        return []
    steps = [f"make_disk:{disk.disk}" for disk in disks if disk.disk not in untouched]
    connect = [] if (seen.note or {}).get("phase") == "awaiting" else ["settle_files", "connect"]
    return [*room, *steps, *connect]


def plan_take(seen: Seen, server: str, migration: str, transfers: Sequence[Transfer], run: bool) -> list[str]:
    """Decide what is left to do until the guest is defined here, and runs if it shall.

    Room that was given up since, by a rollback that could not be completed, is made again.
    """
    room = plan_stage(seen, server, migration)
    note = seen.note or {}
    if seen.active or (seen.defined and note.get("phase") == "defined"):
        return ["start"] if run and not seen.active else []
    here = note.get("disks", {})
    steps = [
        f"download:{transfer.disk}"
        for transfer in transfers
        if here.get(transfer.disk, {}).get("image_id") != transfer.image_id
    ]
    return [*room, *steps, "settle_files", "connect", "define", *(["start"] if run else [])]


def plan_return(
    seen: Seen, server: str, migration: str, wanted: Collection[str], here: Collection[str], run: bool
) -> list[str]:
    """Decide what is left to do until the guest is defined again where its disks were left, and runs if it shall.

    A note of another move does not count: Nova leaves ours where it reverts or confirms what we moved.

    :param wanted: the names of the local disks that the guest's XML has
    :param here: the names of those in its folder
    :raises ConflictError: when the guest runs here and was not started by this
    :raises NotFoundError: when not all of its disks are here
    """
    what = f"take server {server} in again"
    begun = _is_ours(seen, RETURNED, migration)
    if seen.active and not begun:
        raise ConflictError(
            what, "it runs on this host already.", "Check where else it is before anything is started or removed."
        )
    if seen.active or (begun and seen.defined and (seen.note or {}).get("phase") == "defined"):
        return ["start"] if run and not seen.active else []
    if set(wanted) != set(here):
        raise NotFoundError(
            what,
            f"it has the local disks {_listed(wanted)}, and those that were kept here are {_listed(here)}.",
            "Let Nova revert the move (openstack server resize revert), or confirm it.",
        )
    room = [] if seen.directory else ["create_directory"]
    note = [] if begun else ["note"]
    return [*room, *note, "settle_files", "connect", "define", *(["start"] if run else [])]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def plan_give_up(seen: Seen, server: str, migration: str, adopt: bool = False) -> list[str]:
    """Decide what is left to do until nothing of the guest is here.

    A folder that this move did not make stays, and is nobody's guest as long as there is no domain.

    :param adopt: what Nova has brought here goes, too
    :raises ConflictError: when a domain of the server is here that is not this move's, or that arrives or has arrived
        live; or when its own disks are here
    """
    what = f"give up server {server}"
    note = seen.note if seen.note and seen.note.get("migration") == migration else {}
    kept = note.get("role") == RETURNED or (note.get("role") == "source" and not note.get("arrived") and not adopt)
    if kept:
        raise ConflictError(
            what, "its folder on this host is older than the move.", "Check which of the two hosts is meant."
        )
    if note.get("live") and seen.defined:
        raise ConflictError(
            what,
            "it is on this host: a live migration brings it here, or has brought it, and it may run nowhere else.",
            "Abort that migration at its source, if it goes on (domain_migration_control). If it has ended, the guest"
            " lives here: run the playbook again, which goes forward.",
        )
    remains = ["remove_remains"] if seen.remains else []
    if not note and not adopt:
        if seen.defined:
            _refuse_foreign(seen, what, migration)
        return remains
    steps = ["destroy"] if seen.defined else []
    steps += ["disconnect"] if seen.defined or seen.directory else []
    steps += ["remove_directory"] if seen.directory else []
    return [*steps, *remains]


def plan_settle(seen: Seen, server: str, migration: str) -> list[str]:
    """Decide what is left to do until the guest is here like any other of Nova's."""
    if seen.note is None or seen.note.get("migration") != migration:
        return []
    if not seen.defined:
        raise NotFoundError(
            f"settle server {server}",
            "it is not defined on this host.",
            "Finish the move before it is confirmed.",
        )
    return ["forget"]


class DestinationHost:
    """A guest on its destination host.

    :param guest: the guest, through libvirt
    :param conf: nova-compute's configuration on this host
    :param migration: the uuid that names the move
    :param volumes: this host's side of Cinder
    """

    def __init__(self, guest: GuestControl, conf: NovaConf, migration: str, volumes: Volumes) -> None:
        self._guest = guest
        self._conf = conf
        self._migration = migration
        self._volumes = volumes
        self._ports = vifs.Ports(conf)
        self.folder = instance_dir.InstanceDir(instance_dir.path_of(conf.instances_path, guest.uuid))
        self._note = self.folder.note

    def observe(self, base_image: BaseImage | None) -> Seen:
        """Look at what is there, and change nothing."""
        base = base_image is None or self.base_path(base_image).is_file()
        return look(self._guest, self.folder, base, remains=bool(self._broken_off()))

    def _broken_off(self) -> list[Path]:
        """Return what killed runs of this move have left in the image cache, which may be as large as the image."""
        return sorted(self._conf.base_path.glob(f"*.{glob.escape(self._migration)}.*"))

    def base_path(self, image: BaseImage) -> Path:
        """Return where Nova's cache has a base image."""
        return self._conf.base_path / instance_dir.base_name(image.id)

    def base_format(self, image: BaseImage) -> str:
        """Return the format of a base image in the cache (nova.virt.images.fetch_to_raw)."""
        if self._conf.flag("DEFAULT", "force_raw_images"):
            return "raw"
        return "qcow2" if image.disk_format == "qcow2" else "raw"

    def stage(self, steps: Sequence[str], base_image: BaseImage | None, images: ImageService | None) -> None:
        """Do the steps of :func:`plan_stage`."""
        what = f"make room for server {self._guest.uuid}"
        if "remove_remains" in steps:
            self._remove_remains()
        if "create_directory" in steps:
            self.folder.create(self._owner(), self._first_note(ROLE))
        if "fetch_base" in steps and base_image is not None:
            self._fetch_base(base_image, _required(images, what))

    def untouched(self) -> set[str]:
        """Return the names of the disks that were made for a migration to fill, and are as they were then."""
        made = (self._note.read() or {}).get("made", {})
        return {name for name, stamp in made.items() if stamp == _stamp(self.folder.path / name)}

    def prepare(self, steps: Sequence[str], disks: Sequence[EmptyDisk], base_image: BaseImage | None) -> None:
        """Make the disks and settle the files: what of :func:`plan_await` is about files, after :meth:`stage`."""
        self._note.remember(live=True)
        for disk in disks:
            if f"make_disk:{disk.disk}" in steps:
                self._make_disk(disk, base_image)
        if "settle_files" in steps:
            self._settle_files({disk.disk: disk.disk_format for disk in disks})

    def expect(self) -> None:
        """Note that all is ready for it."""
        self._note.remember(phase="awaiting")

    def note_return(self) -> None:
        """Note that the guest is taken in again with the disks that are here."""
        self._note.write(self._first_note(RETURNED))

    def take(
        self,
        steps: Sequence[str],
        transfers: Sequence[Transfer],
        images: ImageService | None,
        base_image: BaseImage | None,
        root_gb: int,
    ) -> None:
        """Download the disks and settle the files: the first half of :func:`plan_take`.

        :param root_gb: the flavor's root disk in GiB; the disk grows to it and never shrinks
        """
        what = f"take in server {self._guest.uuid}"
        for transfer in transfers:
            if f"download:{transfer.disk}" in steps:
                self._download(transfer, _required(images, what), base_image, root_gb)
        if "settle_files" in steps:
            self._settle_files({transfer.disk: transfer.disk_format for transfer in transfers})

    def connect(
        self, connections: Sequence[Mapping[str, Any]], ports: Sequence[vifs.Vif], name: str
    ) -> list[dict[str, Any]]:
        """Plug the ports and connect the volumes; return the connections with their device paths."""
        # Noted before the first is connected: a rollback disconnects what a killed run began.
        self._note.remember(phase="connecting", name=name, connections=[dict(info) for info in connections])
        for port in ports:
            self._ports.plug(port, self._guest.uuid, name)
        connected = [self._volumes.connect(connection) for connection in connections]
        self._note.remember(connections=connected)
        return connected

    def define(self, domain_xml: str, changes: Sequence[str]) -> None:
        """Define the guest, and note what differs from the source's XML."""
        self._guest.define(domain_xml)
        self._note.remember(phase="defined", changes=list(changes))

    def connected(self, connections: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return connections with this host's device paths, as Nova stores them."""
        noted = (self._note.read() or {}).get("connections", [])
        devices = {str(info["serial"]): info["data"].get("device_path") for info in noted}
        return [
            {**info, "data": {**info["data"], "device_path": devices[str(info["serial"])]}}
            if devices.get(str(info["serial"]))
            else dict(info)
            for info in connections
        ]

    def start(self) -> None:
        """Start the guest, prove that it runs, and note when."""
        self._guest.start()
        self._note.remember(off_until=time.time())

    def give_up(
        self,
        steps: Sequence[str],
        connections: Sequence[Mapping[str, Any]],
        ports: Sequence[vifs.Vif],
    ) -> None:
        """Do the steps of :func:`plan_give_up`; base images stay.

        :param connections: the volumes'; without any, those that were noted before the first was connected
        """
        noted = self._note.read() or {}
        # Nova's own guests are without a note.
        name = noted.get("name") or (self._guest.name() if "destroy" in steps else None)
        if "destroy" in steps:
            self._guest.destroy()
            self._guest.undefine(keep_state=False)
        if "disconnect" in steps and name:
            for connection in self.connected(connections) or noted.get("connections", []):
                self._volumes.disconnect(connection)
            for port in ports:
                self._ports.unplug(port, self._guest.uuid, str(name))
        if "remove_directory" in steps:
            self.folder.remove()
        if "remove_remains" in steps:
            self._remove_remains()

    def settle(self) -> None:
        """Remove the marker, and the XML if it was kept: the guest belongs to Nova alone now."""
        instance_dir.remove_written(self.folder.kept_xml)
        self._note.remove()

    def result(self) -> dict[str, Any]:
        """Return what a later step, or the proof, needs to know."""
        note = self._note.read() or {}
        return {
            "off_until": note.get("off_until"),
            "changes": note.get("changes", []),
            "disks": [{"disk": name, **details} for name, details in sorted(note.get("disks", {}).items())],
        }

    def _remove_remains(self) -> None:
        # A qemu-img that has outlived its killed module may still write to one: then it does so to no file.
        self.folder.remove_remains()
        for path in self._broken_off():
            path.unlink()

    def _owner(self) -> os.stat_result:
        try:
            return self._conf.instances_path.stat()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"make room for server {self._guest.uuid}",
                f"{self._conf.instances_path} does not exist.",
                "Check nova_conf (for playbooks: stackmove_nova_conf), and that nova-compute is set up on this host.",
            ) from error

    def _first_note(self, role: str) -> dict[str, Any]:
        return {"role": role, "migration": self._migration, "phase": "staged", "disks": {}}

    def _fetch_base(self, image: BaseImage, images: ImageService) -> None:
        owner = self._owner()
        final = self.base_path(image)
        final.parent.mkdir(mode=0o755, exist_ok=True)
        os.chown(final.parent, owner.st_uid, owner.st_gid)
        temporary = final.with_name(f"{final.name}.{self._migration}.part")
        converted = temporary.with_suffix(".converted")
        # What its conversion to raw takes beside it is known only when it is here.
        size = int(images.describe(image.id).get("size") or 0)
        storage.require_space(final.parent, size, f"put image {image.id} into Nova's cache")
        try:
            images.download(image.id, temporary)
            ready = temporary
            qemu_img.refuse_references(temporary, image.disk_format)
            if self.base_format(image) != image.disk_format:
                qemu_img.convert(temporary, image.disk_format, converted, self.base_format(image))
                ready = converted
            os.chown(ready, owner.st_uid, owner.st_gid)
            ready.chmod(0o644)
            with suppress(FileExistsError):  # Nova has put the same image there in the meantime
                os.link(ready, final)
        finally:
            temporary.unlink(missing_ok=True)
            converted.unlink(missing_ok=True)

    def _download(
        self,
        transfer: Transfer,
        images: ImageService,
        base_image: BaseImage | None,
        root_gb: int,
    ) -> None:
        what = f"take in disk {transfer.disk} of server {self._guest.uuid}"
        started = time.monotonic()
        final = self.folder.path / transfer.disk
        part = final.with_name(f"{transfer.disk}.part")
        storage.require_space(self.folder.path, transfer.size_bytes or 0, what)
        received = images.download(transfer.image_id, part)
        if transfer.sha512 and transfer.sha512 != received.sha512:
            part.unlink()
            raise StackmoveError(
                what,
                f"image {transfer.image_id} is not what the source sent: its SHA-512 is"
                f" {received.sha512[:16]}…, and that of what was sent {transfer.sha512[:16]}….",
                "Roll back and run again.",
            )
        qemu_img.refuse_references(part, transfer.disk_format)
        base = self.base_path(base_image) if base_image and transfer.disk == _ROOT else None
        if base_image and base and transfer.disk_format == "qcow2" and base.is_file():
            self._put_over_base(part, final, transfer, base, self.base_format(base_image))
        else:
            part.replace(final)
        image = qemu_img.inspect(final, transfer.disk_format)
        if transfer.disk == _ROOT and root_gb * _GIB > image.virtual_size_bytes:
            qemu_img.grow(final, transfer.disk_format, root_gb * _GIB)
            image = qemu_img.inspect(final, transfer.disk_format)
        owner = self._owner()
        os.chown(final, owner.st_uid, owner.st_gid)
        final.chmod(0o644)
        taken = {
            "image_id": transfer.image_id,
            "disk_format": transfer.disk_format,
            "sha512": received.sha512,
            "size_bytes": received.size_bytes,
            "virtual_size_bytes": image.virtual_size_bytes,
            "backing_path": image.backing_path,
            "seconds": round(time.monotonic() - started, 3),
        }
        self._note.remember(disks={**self._note.require()["disks"], transfer.disk: taken})

    def _put_over_base(self, part: Path, final: Path, transfer: Transfer, base: Path, base_format: str) -> None:
        """Make the disk what Nova has: an overlay over the cached base that holds only what differs.

        As LibvirtDriver does after its own cross-cell move; qemu-img's safe rebase compares the two.
        """
        os.utime(base)  # nova-compute removes a base image that it has not seen in use for a day
        overlay = final.with_name(f"{transfer.disk}.overlay")
        try:
            overlay.unlink(missing_ok=True)  # that of a killed run
            size = qemu_img.inspect(part, transfer.disk_format).virtual_size_bytes
            qemu_img.create_overlay(overlay, part, transfer.disk_format, size)
            qemu_img.rebase(overlay, base, base_format)
            overlay.replace(final)
        finally:
            overlay.unlink(missing_ok=True)
            part.unlink(missing_ok=True)

    def _make_disk(self, disk: EmptyDisk, base_image: BaseImage | None) -> None:
        path, base = self.folder.path / disk.disk, self.base_path(base_image) if base_image else None
        path.unlink(missing_ok=True)
        if disk.over_base and base_image and base:
            os.utime(base)  # nova-compute removes a base image that it has not seen in use for a day
            qemu_img.create_overlay(path, base, self.base_format(base_image), disk.virtual_size_bytes)
        else:
            qemu_img.create(path, disk.disk_format, disk.virtual_size_bytes)
        owner = self._owner()
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o644)
        self._note.remember(made={**self._note.require().get("made", {}), disk.disk: _stamp(path)})

    def _settle_files(self, formats: Mapping[str, str]) -> None:
        owner = self._owner()
        if formats:
            # Nova keeps no format for the config drive, which is raw always.
            self.folder.write_disk_info({name: formats[name] for name in formats if name != "disk.config"}, owner)
        console = self.folder.path / "console.log"
        if not console.exists():
            console.touch(mode=0o644)
            os.chown(console, owner.st_uid, owner.st_gid)


def _stamp(path: Path) -> list[int]:
    """Return what tells a file that was written to from one that was not; nothing where there is none."""
    with suppress(FileNotFoundError):
        found = path.stat()
        return [found.st_ino, found.st_size, found.st_mtime_ns]
    return []


def _required(images: ImageService | None, what: str) -> ImageService:
    if images is None:
        raise StackmoveError(what, "no image endpoint or token is given.", "Set endpoint and token.")
    return images
