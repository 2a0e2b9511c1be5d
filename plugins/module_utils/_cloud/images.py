# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Glance: the images by which disks travel, and those that servers were made of.

An image of ours is found by two properties, so nothing has to be remembered between two runs:
``stackmove_migration_uuid`` names the move, ``stackmove_disk`` the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    Json,
    call,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

if TYPE_CHECKING:
    from openstack.connection import Connection

MIGRATION_PROPERTY = "stackmove_migration_uuid"
DISK_PROPERTY = "stackmove_disk"

#: A property with one of these would tie the copy to something that is the original's alone: its signature and
#: keys (``nova.compute.utils``), Glance's own marks, and what Glance sets by itself.
_NOT_INHERITED = (
    "img_signature",
    "img_signature_hash_method",
    "img_signature_key_type",
    "img_signature_certificate_uuid",
    "cinder_encryption_key_id",
    "cinder_encryption_key_deletion_policy",
    "cache_in_nova",
    "bittorrent",
)
_NOT_INHERITED_PREFIXES = ("os_glance", "stackmove_")
_OWN_ATTRIBUTES = (
    "checksum",
    "container_format",
    "created_at",
    "direct_url",
    "disk_format",
    "file",
    "id",
    "locations",
    "min_disk",
    "min_ram",
    "name",
    "os_hash_algo",
    "os_hash_value",
    "os_hidden",
    "owner",
    "protected",
    "schema",
    "self",
    "size",
    "status",
    "stores",
    "tags",
    "updated_at",
    "virtual_size",
    "visibility",
)


@dataclass(frozen=True)
class WantedImage:
    """The image of one disk."""

    disk: str
    name: str
    disk_format: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NovaImage:
    """By what an image is known that Nova has made for a move of its own (``PrepResizeAtSourceTask``).

    :param server: its property ``instance_uuid``
    :param since: when the move began, as Glance writes it: nothing older is the move's
    """

    server: str
    name: str
    since: str


@dataclass(frozen=True)
class ImageChange:
    """One call to Glance: `action` is V(create) or V(delete)."""

    action: str
    disk: str
    image_id: str | None = None

    def __str__(self) -> str:
        which = f" {self.image_id}" if self.image_id else ""
        return f"{self.action} the image{which} of {self.disk}"


# Observe


def image(conn: Connection, image_id: str) -> Json | None:
    """Return an image as Glance has it, or None when it has been deleted.

    Its locations are left out: they may hold a store's password.

    :raises ApiError: Glance refused
    """
    answer = call(conn, "image", "GET", f"/images/{image_id}", what=f"read image {image_id}", accept=(404,))
    if answer.status_code == 404:
        return None
    found = {key: value for key, value in answer.json().items() if key not in ("locations", "direct_url")}
    return None if found["status"] in ("deleted", "pending_delete") else found


def transfer_images(conn: Connection, migration_uuid: str) -> list[Json]:
    """Return the images of one move, oldest first.

    :raises ApiError: Glance refused
    """
    what = f"list the images of migration {migration_uuid}"
    return _listed(conn, {MIGRATION_PROPERTY: migration_uuid}, what)


def nova_images(conn: Connection, made: NovaImage) -> list[Json]:
    """Return the images that Nova has made for a move of its own and not deleted since, oldest first.

    :raises ApiError: Glance refused
    """
    wanted = {"instance_uuid": made.server, "name": made.name}
    found = _listed(conn, wanted, f"list Nova's images of server {made.server}")
    return [entry for entry in found if entry["created_at"] >= made.since and MIGRATION_PROPERTY not in entry]


def _listed(conn: Connection, wanted: Mapping[str, str], what: str) -> list[Json]:
    """Return the images with these attributes and properties: a Glance that does not filter by one gives them all."""
    found: list[Json] = []
    path: str | None = "/images"
    params: dict[str, str] | None = {**wanted, "sort": "created_at:asc,id:asc"}
    while path:
        answer = call(conn, "image", "GET", path, params=params, what=what).json()
        found.extend(answer["images"])
        # Relative to the service, and with the query in it already.
        path, params = answer.get("next"), None
        path = path[len("/v2") :] if path and path.startswith("/v2/") else path
    return [entry for entry in found if wanted.items() <= entry.items()]


def public(entry: Json) -> Json:
    """Return what a result shows of an image."""
    keys = ("id", "name", "status", "size", "os_hash_algo", "os_hash_value", "disk_format")
    return {"disk": entry.get(DISK_PROPERTY), **{key: entry.get(key) for key in keys}}


def transfer(entry: Json) -> Json:
    """Return an image of ours as the hosts' modules take it; sizes in bytes, unknown ones None."""
    return {
        "disk": entry[DISK_PROPERTY],
        "image_id": entry["id"],
        "disk_format": entry["disk_format"],
        "sha512": entry.get("os_hash_value") if entry.get("os_hash_algo") == "sha512" else None,
        "size_bytes": entry.get("size"),
        "virtual_size_bytes": entry.get("virtual_size"),
    }


# Plan


def inherited(properties: Mapping[str, object]) -> dict[str, str]:
    """Return the properties that an image of ours may carry of another's, as Nova inherits them for a snapshot."""
    return {
        key: str(value)
        for key, value in properties.items()
        if value is not None
        and key not in _NOT_INHERITED
        and key not in _OWN_ATTRIBUTES
        and not key.startswith(_NOT_INHERITED_PREFIXES)
    }


def usable(wanted: WantedImage, entry: Json) -> bool:
    """Tell whether an image can take or has the disk's bytes.

    One that is being written (``saving``) by nobody any more can't be written again, so it isn't.
    """
    return entry["status"] in ("queued", "active") and entry.get("disk_format") == wanted.disk_format


def plan_images(
    wanted: Sequence[WantedImage], found: Iterable[Json], state: str
) -> tuple[list[ImageChange], dict[str, Json]]:
    """Decide which images of a move to create and which to delete.

    Images of disks that aren't asked for stay; V(absent) takes all of the move's, whatever is asked for.

    :returns: the changes, and the images that stay, by disk
    """
    entries = list(found)
    if state == "absent":
        return [ImageChange("delete", str(entry.get(DISK_PROPERTY)), entry["id"]) for entry in entries], {}
    changes: list[ImageChange] = []
    kept: dict[str, Json] = {}
    for image_wanted in wanted:
        candidates = [entry for entry in entries if entry.get(DISK_PROPERTY) == image_wanted.disk]
        good = [entry for entry in candidates if usable(image_wanted, entry)]
        best = min(good, key=lambda entry: str(entry["status"]) != "active", default=None)
        changes.extend(
            ImageChange("delete", image_wanted.disk, entry["id"]) for entry in candidates if entry is not best
        )
        if best is None:
            changes.append(ImageChange("create", image_wanted.disk))
        else:
            kept[image_wanted.disk] = best
    return changes, kept


def described(found: Iterable[Json], changes: Sequence[ImageChange] = ()) -> dict[str, str]:
    """Return the images of a move by disk, as the changes leave them, for a diff."""
    gone = [change.image_id for change in changes if change.action == "delete"]
    result = {
        str(entry.get(DISK_PROPERTY)): f"{entry['status']} {entry['id']}" for entry in found if entry["id"] not in gone
    }
    result.update({change.disk: "queued (new)" for change in changes if change.action == "create"})
    return result


def body(wanted: WantedImage, migration_uuid: str) -> Json:
    """Make what Glance is asked to create: private, and known as a snapshot, as Nova's own is."""
    return {
        **inherited(wanted.properties),
        "image_type": "snapshot",
        MIGRATION_PROPERTY: migration_uuid,
        DISK_PROPERTY: wanted.disk,
        "name": wanted.name,
        "disk_format": wanted.disk_format,
        "container_format": "bare",
        "visibility": "private",
    }


# Apply


def apply_images(
    conn: Connection, changes: Sequence[ImageChange], wanted: Sequence[WantedImage], migration_uuid: str
) -> dict[str, Json]:
    """Carry out the changes, and return the images that were created, by disk.

    :raises ApiError: Glance refused
    """
    by_disk = {entry.disk: entry for entry in wanted}
    created: dict[str, Json] = {}
    for change in changes:
        if change.action == "delete":
            call(
                conn,
                "image",
                "DELETE",
                f"/images/{change.image_id}",
                what=str(change),
                remedy="If it is in use or protected, find out by whom: openstack image show.",
                accept=(404,),
            )
        else:
            created[change.disk] = call(
                conn,
                "image",
                "POST",
                "/images",
                json=body(by_disk[change.disk], migration_uuid),
                what=f"create image {by_disk[change.disk].name} for {change.disk}",
                remedy="Check the operator's quota and Glance's property protections.",
            ).json()
    return created


def check_names(wanted: Sequence[WantedImage]) -> None:
    """Refuse two images for one disk.

    :raises StackmoveError: a disk is named twice
    """
    disks = [entry.disk for entry in wanted]
    twice = sorted({disk for disk in disks if disks.count(disk) > 1})
    if twice:
        raise StackmoveError("create transfer images", f"{', '.join(twice)} is named twice.", "Name each disk once.")
