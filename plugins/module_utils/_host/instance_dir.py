# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server's folder on a hypervisor: Nova's files in it, and the notes that a move keeps there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    NotFoundError,
    StackmoveError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host import qemu_img

STATE_FILE = "stackmove-state.json"
XML_FILE = "stackmove-domain.xml"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Nova's names of local disks (nova.virt.libvirt.blockinfo and driver); disk.info is no disk.
_DISK = re.compile(r"disk(\.config|\.local|\.swap|\.eph\d+|\.rescue|\.config\.rescue)?")


def path_of(instances_path: Path, server: str) -> Path:
    """Return the folder of a server.

    :raises StackmoveError: when ``server`` is not a uuid; it becomes a path that may be removed
    """
    return instances_path / _uuid(server, "find the folder of server")


def _uuid(text: str, what: str) -> str:
    if not _UUID.fullmatch(text):
        raise StackmoveError(f"{what} {text!r}", "that is not a uuid.", "Give it in full, in lower case.")
    return text


def base_name(image_id: str) -> str:
    """Return the file name of an image in Nova's cache (nova.virt.imagecache.get_cache_fname)."""
    return hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()


class StorageProbe:
    """A file that tells whether two hosts keep their instances in one place.

    :param instances_path: where this host keeps them
    :param token: the uuid that names the file
    :raises StackmoveError: when ``token`` is not a uuid; it becomes a path that is removed
    """

    def __init__(self, instances_path: Path, token: str) -> None:
        self.path = instances_path / f".stackmove-{_uuid(token, 'make a file with the token')}"

    def seen(self) -> bool:
        """Tell whether it is there. The folder is listed: of a name that was not there, NFS may remember just that.

        :raises NotFoundError: when the folder does not exist
        """
        try:
            return self.path in self.path.parent.iterdir()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"look for {self.path}",
                f"{self.path.parent} does not exist.",
                "Check nova_conf, and that nova-compute is set up on this host.",
            ) from error

    def write(self) -> None:
        """Make the file."""
        write_atomically(self.path, "Two hosts are compared by this file; the move that it names removes it.\n", 0o600)

    def remove(self) -> None:
        """Remove the file."""
        remove_written(self.path)


class InstanceDir:
    """One server's folder.

    :param path: the folder; it need not exist
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = Note(path / STATE_FILE)
        self.kept_xml = path / XML_FILE
        self._fresh = path.with_name(f".{path.name}.stackmove")
        self._doomed = path.with_name(f"{path.name}_del")

    def exists(self) -> bool:
        """Tell whether the folder is there."""
        return self.path.is_dir()

    def create(self, owner: os.stat_result, noted: dict[str, Any]) -> None:
        """Make the folder with a note in it: without one it would look foreign, so it gets its name last.

        :param owner: whose uid and gid it gets
        """
        if self._fresh.exists():
            shutil.rmtree(self._fresh)
        self._fresh.mkdir(mode=0o755)
        os.chown(self._fresh, owner.st_uid, owner.st_gid)
        Note(self._fresh / STATE_FILE).write(noted)
        self._fresh.rename(self.path)

    def disk_names(self) -> set[str]:
        """Return the names of the local disks; those of a rescue are not the guest's own."""
        found = {path.name for path in self.path.iterdir()} if self.exists() else set()
        return {name for name in found if _DISK.fullmatch(name) and not name.endswith(".rescue")}

    def formats(self) -> dict[str, str]:
        """Return disk name → format as Nova noted it in disk.info (nova.virt.libvirt.imagebackend)."""
        try:
            noted: dict[str, str] = json.loads((self.path / "disk.info").read_text("utf-8"))
        except FileNotFoundError:
            noted = {}
        return {Path(name).name: image_format for name, image_format in noted.items()}

    def files(self) -> list[dict[str, Any]]:
        """List the files with their sizes in bytes."""
        if not self.exists():
            return []
        found = sorted(path for path in self.path.rglob("*") if path.is_file())
        return [{"name": str(path.relative_to(self.path)), "size_bytes": path.stat().st_size} for path in found]

    def disks(self, formats: dict[str, str] | None = None) -> list[qemu_img.Image]:
        """Describe the local disks.

        :param formats: disk name → format as the domain's XML has it, which is surer than disk.info
        """
        if not self.exists():
            return []
        known = {**self.formats(), **(formats or {})}
        return [
            qemu_img.inspect(path, known.get(path.name, "raw"))
            for path in sorted(self.path.iterdir())
            if _DISK.fullmatch(path.name) and path.is_file()
        ]

    def inspect(self, name: str, formats: Mapping[str, str]) -> qemu_img.Image:
        """Describe one local disk and all that it stands on.

        :param formats: disk name → format; a format is never guessed
        :raises StackmoveError: when its format is not known, or it cannot be read
        """
        if name not in formats:
            raise NotFoundError(
                f"use {self.path / name}",
                "its format is not noted anywhere.",
                f"Add it to {self.path / 'disk.info'}, as Nova does: full path and format.",
            )
        return qemu_img.inspect(self.path / name, formats[name])

    def write_disk_info(self, formats: dict[str, str], owner: os.stat_result) -> None:
        """Write disk.info as nova.virt.libvirt.imagebackend does: full path → format."""
        noted = {str(self.path / name): formats[name] for name in sorted(formats)}
        write_atomically(self.path / "disk.info", json.dumps(noted) + "\n", 0o644, owner)

    def remove(self) -> None:
        """Remove the folder the way Nova does: renamed first, so that half a folder never has its name.

        Nova's periodic task removes a left-over ``<uuid>_del`` (LibvirtDriver.delete_instance_files).
        """
        if self.exists():
            if self._doomed.exists():
                shutil.rmtree(self._doomed)
            self.path.rename(self._doomed)
        self.remove_remains()

    def has_kept_xml(self) -> bool:
        """Tell whether a guest's XML was kept, or a killed run was about to."""
        return self.kept_xml.exists() or _temporary(self.kept_xml).exists()

    def has_remains(self) -> bool:
        """Tell whether a run that was killed has left a folder half made, or half removed."""
        return self._fresh.exists() or self._doomed.exists()

    def remove_remains(self) -> None:
        """Remove what a killed run has left beside the folder."""
        for path in (self._fresh, self._doomed):
            if path.exists():
                shutil.rmtree(path)


class Note:
    """A small JSON file beside the guest: what no system of record can hold during a move.

    :param path: the file; it need not exist
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any] | None:
        """Return what was noted, or None when there is no note.

        :raises StackmoveError: when the file is not readable as JSON
        """
        try:
            text = self.path.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            noted: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise StackmoveError(
                f"read {self.path}", f"it is damaged: {error}.", "Look at it, then remove it."
            ) from error
        return noted

    def write(self, noted: dict[str, Any]) -> None:
        """Replace the note, atomically and on disk, so that a power failure leaves the old or the new."""
        write_atomically(self.path, json.dumps(noted, indent=1, sort_keys=True) + "\n", 0o600)

    def require(self) -> dict[str, Any]:
        """Return what was noted.

        :raises NotFoundError: when there is no note
        """
        noted = self.read()
        if noted is None:
            raise NotFoundError(
                f"go on with server {self.path.parent.name}",
                f"{self.path} has disappeared.",
                "Somebody else works on this server; look before running again.",
            )
        return noted

    def remember(self, **changes: Any) -> None:
        """Replace some of what was noted.

        :raises NotFoundError: when there is no note
        """
        self.write({**self.require(), **changes})

    def remove(self) -> None:
        """Remove the note, if it is there."""
        remove_written(self.path)


def write_atomically(path: Path, text: str, mode: int, owner: os.stat_result | None = None) -> None:
    """Write a file under another name, sync it and rename it.

    :param owner: whose uid and gid the file gets; root's without it
    :raises NotFoundError: when the folder does not exist
    """
    temporary = _temporary(path)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"write {path}",
            f"the folder {path.parent} is not there.",
            "Somebody else has removed it; look where the server is before running again.",
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)  # the file may be left over from a run with another mode
        if owner is not None:
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # else a power failure may take the new name back
    finally:
        os.close(folder)


def remove_written(path: Path) -> None:
    """Remove what :func:`write_atomically` has written, and what it left when it was killed."""
    path.unlink(missing_ok=True)
    _temporary(path).unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")
