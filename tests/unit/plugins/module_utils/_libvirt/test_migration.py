# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_note import Note
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

THERE, ELSEWHERE = "qemu+ssh://root@kvm2/system", "qemu+ssh://root@kvm3/system"


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
