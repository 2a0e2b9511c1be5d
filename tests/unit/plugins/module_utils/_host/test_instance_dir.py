# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import instance_dir

SERVER = "6f70656e-7374-4163-8b6d-6f7665210001"


def test_only_a_uuid_becomes_a_path(tmp_path: Path) -> None:
    assert instance_dir.path_of(tmp_path, SERVER) == tmp_path / SERVER
    for wrong in ("", "..", "_base", f"{SERVER}/..", SERVER.upper(), f"{SERVER}\n"):
        with pytest.raises(StackmoveError):
            instance_dir.path_of(tmp_path, wrong)


def test_a_note_is_private_and_replaced_whole(tmp_path: Path) -> None:
    note = instance_dir.Note(tmp_path / "note.json")
    assert note.read() is None
    note.write({"phase": "kept"})
    note.write({"phase": "released"})
    assert note.read() == {"phase": "released"}
    assert stat.S_IMODE(note.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["note.json"]
    note.path.write_text("{", "utf-8")
    with pytest.raises(StackmoveError, match="damaged"):
        note.read()


def test_a_note_is_changed_in_part_and_missed_when_it_is_gone(tmp_path: Path) -> None:
    note = instance_dir.InstanceDir(tmp_path / SERVER).note
    note.path.parent.mkdir()
    with pytest.raises(StackmoveError, match=f"go on with server {SERVER}"):
        note.remember(phase="released")
    note.write({"phase": "kept", "name": "instance-0000000a"})
    note.remember(phase="released")
    assert note.require() == {"phase": "released", "name": "instance-0000000a"}


def test_removing_takes_the_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = instance_dir.InstanceDir(tmp_path / SERVER)
    for name in (SERVER, f"{SERVER}_del", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "disk").write_text("x", "utf-8")
    folder.remove()
    folder.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_folder_is_made_with_its_note_and_half_a_one_is_removed(tmp_path: Path) -> None:
    folder = instance_dir.InstanceDir(tmp_path / SERVER)
    half = tmp_path / f".{SERVER}.stackmove"
    half.mkdir()
    (half / "left").write_text("x", "utf-8")
    assert folder.has_remains()
    folder.create(tmp_path.stat(), {"phase": "staged"})
    assert folder.note.read() == {"phase": "staged"}
    assert [path.name for path in folder.path.iterdir()] == ["stackmove-state.json"]
    assert not folder.has_remains()
    folder.path.rename(tmp_path / f"{SERVER}_del")
    assert folder.has_remains()
    folder.remove_remains()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_write_has_left_goes_with_the_file(tmp_path: Path) -> None:
    note = instance_dir.Note(tmp_path / "note.json")
    note.write({})
    (tmp_path / ".note.json.new").write_text("{", "utf-8")
    note.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_guests_own_disks(tmp_path: Path) -> None:
    names = ("disk", "disk.config", "disk.eph0", "disk.swap", "disk.rescue", "disk.info", "disk.part", "console.log")
    for name in names:
        (tmp_path / name).write_text("", "utf-8")
    folder = instance_dir.InstanceDir(tmp_path)
    assert folder.disk_names() == {"disk", "disk.config", "disk.eph0", "disk.swap"}
    assert instance_dir.InstanceDir(tmp_path / "absent").disk_names() == set()
    with pytest.raises(StackmoveError, match="its format is not noted"):
        folder.inspect("disk.swap", {"disk": "qcow2"})


def test_disk_info_has_full_paths_and_is_read_back(tmp_path: Path) -> None:
    folder = instance_dir.InstanceDir(tmp_path)
    folder.write_disk_info({"disk": "qcow2", "disk.config": "raw"}, tmp_path.stat())
    assert folder.formats() == {"disk": "qcow2", "disk.config": "raw"}
    assert f"{tmp_path}/disk" in (tmp_path / "disk.info").read_text("utf-8")


def test_the_cache_names_images_by_sha1() -> None:
    assert instance_dir.base_name("a") == "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
