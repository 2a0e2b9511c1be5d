# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration import Note
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

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


@pytest.mark.parametrize("noted", ["", ELSEWHERE])
def test_nobody_watches_a_migration_that_goes_elsewhere(
    noted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "NOTES", tmp_path)
    with ExitStack() as stack:
        source, destination = Host("test:///default", stack), Host("test:///default", stack)
        ours = migration.Migration(source, destination, "x", Options(destination_uri=THERE), lambda _record: None)
        if noted:
            Note(tmp_path / "x.migration.json").begin(noted, False, [])
        with pytest.raises(StackmoveError, match="kvm3" if noted else "this module has not begun"):
            ours._require_ours()
        Note(tmp_path / "x.migration.json").begin(THERE, False, [])
        ours._require_ours()


@pytest.mark.parametrize(
    ("uuid", "stats"),
    [
        ("00000000-0000-4000-8000-000000000000", {}),
        ("6695eb01-f6a4-8304-79aa-97f2502e193f", None),  # libvirt's own for tests, which has no statistics
    ],
)
def test_a_guest_that_is_gone_is_told_from_no_answer(uuid: str, stats: dict[str, int] | None) -> None:
    with ExitStack() as stack:
        here = Host("test:///default", stack)
        ours = migration.Migration(here, here, uuid, Options(destination_uri=THERE), lambda _record: None)
        assert ours._look() == stats


def test_an_error_of_libvirt_is_told_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        here = Host("test:///default", stack)
        ours = migration.Migration(here, here, "x", Options(destination_uri=THERE), lambda _record: None)
        connection = here.connection()
        monkeypatch.setattr(ours, "is_there", lambda: connection.lookupByName("nobody"))
        with pytest.raises(StackmoveError, match="migrate guest x: libvirt says"):
            ours.run(False)
