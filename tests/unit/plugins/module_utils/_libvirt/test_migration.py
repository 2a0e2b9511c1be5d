# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Flow
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


def test_a_stall_is_a_step_when_it_is_over() -> None:
    with ExitStack() as stack:
        here = Host("test:///default", stack)
        ours = migration.Migration(here, here, "x", Options(destination_uri=THERE), lambda _record: None)
        ours._hosts = ("kvm1", "kvm2")
        for flow in (Flow(5, 100.0), Flow(5, 100.0, 29.5), Flow(5, 100.0, 95.0)):
            ours._follow(flow)
        assert ours._steps == []
        ours._follow(Flow(6, 196.0))
        assert ours._steps == ["nothing moved from kvm1 to kvm2 for 95 s; go on"]


class Told:
    """A guest of which libvirt tells what it is made to."""

    def name(self) -> str:
        return "web1"

    def state(self) -> tuple[int, int]:
        return (1, 1)


def test_a_link_that_is_down_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    moves = {"type": 2, "operation": 5, "memory_total": 99, "memory_processed": 5}
    looks = [{**moves, "time_elapsed": seconds * 1000} for seconds in (1, 20, 40)]
    with ExitStack() as stack:
        here = Host("test:///default", stack)
        options = Options(destination_uri=THERE, stall_s=30)
        ours = migration.Migration(here, here, "x", options, told.append)
        ours._hosts = ("kvm1", "kvm2")
        monkeypatch.setattr(ours, "_look", lambda: looks.pop(0) if looks else {})
        monkeypatch.setattr(ours, "_act", lambda *_act: None)
        monkeypatch.setattr(migration, "_POLL_S", 0.0)
        monkeypatch.setattr(migration, "_SETTLE_S", 0.0)
        with pytest.raises(StackmoveError, match="In the end nothing moved from kvm1 to kvm2 for 39 s: see"):
            ours._watch(Told(), None, 2.0)
    assert [record["stalled_s"] for record in told] == [0.0, 0.0, 39.0]
    assert (told[-1]["timeout_s"], told[-1]["timeout_action"]) == (1600, "abort")
