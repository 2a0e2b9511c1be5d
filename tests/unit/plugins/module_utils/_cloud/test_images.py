# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.images import (
    NovaImage,
    WantedImage,
    body,
    check_names,
    described,
    inherited,
    nova_images,
    plan_images,
    transfer,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

ROOT = WantedImage("disk", "web1-resize-temp", "qcow2")


def entry(image_id: str, status: str, disk: str = "disk", disk_format: str = "qcow2") -> dict[str, Any]:
    return {"id": image_id, "status": status, "stackmove_disk": disk, "disk_format": disk_format}


@pytest.mark.parametrize(
    ("found", "expected", "kept"),
    [
        pytest.param([], ["create the image of disk"], None, id="first"),
        pytest.param([entry("a", "queued")], [], "a", id="again"),
        pytest.param([entry("a", "active")], [], "a", id="written already"),
        pytest.param(
            [entry("a", "saving")], ["delete the image a of disk", "create the image of disk"], None, id="half written"
        ),
        pytest.param(
            [entry("a", "killed")], ["delete the image a of disk", "create the image of disk"], None, id="killed"
        ),
        pytest.param(
            [entry("a", "active", disk_format="raw")],
            ["delete the image a of disk", "create the image of disk"],
            None,
            id="another format",
        ),
        pytest.param(
            [entry("a", "queued"), entry("b", "active")], ["delete the image a of disk"], "b", id="the written one"
        ),
        pytest.param(
            [entry("a", "active", "disk.config", "raw")], ["create the image of disk"], None, id="another disk stays"
        ),
    ],
)
def test_present(found: list[dict[str, Any]], expected: list[str], kept: str | None) -> None:
    changes, stays = plan_images([ROOT], found, "present")
    assert [str(change) for change in changes] == expected
    assert stays.get("disk", {}).get("id") == kept


def test_absent_takes_all() -> None:
    found = [entry("a", "active"), entry("b", "killed", "disk.config")]
    changes, kept = plan_images([ROOT], found, "absent")
    assert [str(change) for change in changes] == ["delete the image a of disk", "delete the image b of disk.config"]
    assert kept == {}
    assert described(found, changes) == {}


def test_what_a_diff_shows() -> None:
    changes, _kept = plan_images([ROOT], [entry("a", "killed")], "present")
    assert described([entry("a", "killed")]) == {"disk": "killed a"}
    assert described([entry("a", "killed")], changes) == {"disk": "queued (new)"}


def test_properties_that_are_the_originals_own_are_left_out() -> None:
    properties = {
        "hw_disk_bus": "virtio",
        "os_glance_importing_to_stores": "x",
        "img_signature": "x",
        "cinder_encryption_key_id": "x",
        "stackmove_disk": "other",
        "owner": "x",
        "hw_rng_model": None,
        "hw_video_ram": 16,
    }
    assert inherited(properties) == {"hw_disk_bus": "virtio", "hw_video_ram": "16"}


def test_body() -> None:
    wanted = WantedImage("disk", "web1-resize-temp", "qcow2", {"instance_uuid": "server", "image_type": "base"})
    assert body(wanted, "migration") == {
        "instance_uuid": "server",
        "image_type": "snapshot",
        "stackmove_migration_uuid": "migration",
        "stackmove_disk": "disk",
        "name": "web1-resize-temp",
        "disk_format": "qcow2",
        "container_format": "bare",
        "visibility": "private",
    }


def test_a_disk_has_one_image() -> None:
    check_names([ROOT])
    with pytest.raises(StackmoveError, match="disk is named twice"):
        check_names([ROOT, ROOT])


def test_what_the_hosts_need() -> None:
    written = {**entry("a", "active"), "size": 7, "os_hash_algo": "sha512", "os_hash_value": "abc", "virtual_size": 9}
    expected = {"disk": "disk", "image_id": "a", "disk_format": "qcow2"}
    assert transfer(written) == {**expected, "sha512": "abc", "size_bytes": 7, "virtual_size_bytes": 9}
    assert transfer({**written, "os_hash_algo": "sha256"})["sha512"] is None
    assert transfer(entry("a", "queued")) == {
        **expected,
        "sha512": None,
        "size_bytes": None,
        "virtual_size_bytes": None,
    }


def test_only_what_nova_made_for_this_move_is_its(cloud: Cloud, conn: Any) -> None:
    novas = {"name": "web1-resize-temp", "instance_uuid": "s", "created_at": "2026-11-21T10:57:38Z"}
    cloud.answers["GET /image/v2/images"] = [
        (
            200,
            {
                "images": [
                    {**novas, "id": "nova's"},
                    {**novas, "id": "ours", "stackmove_migration_uuid": "m"},
                    {**novas, "id": "older", "created_at": "2026-11-21T10:57:28Z"},
                    {**novas, "id": "another server's", "instance_uuid": "t"},
                    {**novas, "id": "a snapshot", "name": "web1"},
                ]
            },
        )
    ]
    made = NovaImage("s", "web1-resize-temp", "2026-11-21T10:57:29Z")
    assert [found["id"] for found in nova_images(conn, made)] == ["nova's"]
