# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_note import Note

THERE, ELSEWHERE = "qemu+ssh://root@kvm2/system", "qemu+ssh://root@kvm3/system"


def test_what_was_made_is_remembered(tmp_path: Path) -> None:
    note = Note(tmp_path / "new" / "x.migration.json")
    assert note.created(THERE) == []
    note.write(THERE, ["/a"])
    note.write(THERE, ["/a", "/b"])
    assert Note(tmp_path / "new" / "x.migration.json").created(THERE) == ["/a", "/b"]
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    note.remove()
    note.remove()
    assert note.created(THERE) == []


def test_what_was_made_elsewhere_is_not_forgotten(tmp_path: Path) -> None:
    note = Note(tmp_path / "x.migration.json")
    note.write(THERE, ["/a"])
    with pytest.raises(StackmoveError, match="kvm2/system has left files there: /a"):
        note.created(ELSEWHERE)


def test_what_its_end_needs_is_kept_beside_the_files(tmp_path: Path) -> None:
    note = Note(tmp_path / "x.migration.json")
    assert note.read() == {}
    disks = [{"target": "vda", "path": "/a", "create": True}]
    note.begin(THERE, True, disks)
    assert note.created(THERE) == []
    note.write(THERE, ["/a"])
    again = Note(tmp_path / "x.migration.json")
    assert again.read() == {"destination_uri": THERE, "created": ["/a"], "autostart": True, "disks": disks}


def test_a_migration_elsewhere_that_made_nothing_is_in_nobodys_way(tmp_path: Path) -> None:
    note = Note(tmp_path / "x.migration.json")
    note.begin(THERE, False, [])
    assert note.created(ELSEWHERE) == []
    assert note.read()["destination_uri"] == THERE
