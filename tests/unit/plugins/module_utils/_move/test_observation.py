# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.observation import find_volumes


def row(volume_id: str, attachment_id: str) -> dict[str, Any]:
    return {"volume_id": volume_id, "attachment_id": attachment_id, "device_name": "/dev/vdb", "boot_index": None}


@pytest.mark.parametrize(
    ("source", "target", "moved", "expected"),
    [
        pytest.param([row("v", "a")], [], False, ("a", None, False), id="not copied yet"),
        pytest.param([row("v", "a")], [row("v", "a")], False, ("a", None, False), id="the copied row"),
        pytest.param([row("v", "a")], [row("v", "b")], False, ("a", "b", False), id="prepared"),
        pytest.param([row("v", "a")], [row("v", "b")], True, ("a", "b", False), id="moved"),
        pytest.param([row("v", "a")], [], True, ("a", None, True), id="detached since"),
        pytest.param([], [row("v", "b")], True, (None, "b", False), id="attached since"),
    ],
)
def test_volumes_of_both_sides(
    source: list[dict[str, Any]],
    target: list[dict[str, Any]],
    moved: bool,
    expected: tuple[str | None, str | None, bool],
) -> None:
    found = find_volumes(source, target, moved, {"v": {"id": "v"}})
    assert [
        (entry["source_attachment_id"], entry["destination_attachment_id"], entry["detached"]) for entry in found
    ] == [expected]
    assert found[0]["volume"] == {"id": "v"}
