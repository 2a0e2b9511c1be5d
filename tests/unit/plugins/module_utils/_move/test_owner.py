# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move import owner

_STAT = "{pid} (a b) c) {state} {parent}" + " 0" * 17 + " {began} 0"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine on which this process is a module that a worker of a playbook runs, below another playbook."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("one\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    tree = {
        os.getpid(): (50, ["python3", "AnsiballZ_move_plan.py"]),
        50: (40, ["python3", "/venv/bin/ansible-playbook", "inner.yml"]),
        40: (30, ["python3", "/venv/bin/ansible-playbook", "inner.yml"]),
        30: (20, ["python3", "AnsiballZ_command.py"]),
        20: (1, ["python3", "/venv/bin/ansible-playbook", "outer.yml"]),
    }
    for pid, (parent, arguments) in tree.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(_STAT.format(pid=pid, state="S", parent=parent, began=pid * 10))
        (tmp_path / str(pid) / "cmdline").write_text("\0".join(arguments))
    return tmp_path


def test_a_run_is_the_playbook_that_this_module_belongs_to(proc: Path) -> None:
    run = owner.this_run(proc)
    assert (run.pid, run.began) == (40, 400)
    assert owner.is_alive(run, proc) is True


def test_a_run_without_a_playbook_is_of_unknown_life(proc: Path) -> None:
    (proc / "50" / "cmdline").write_text("awx")
    (proc / "40" / "cmdline").write_text("awx")
    (proc / "20" / "cmdline").write_text("awx")
    run = owner.this_run(proc)
    assert run.pid == 0
    assert owner.is_alive(run, proc) is None


def test_a_process_that_is_gone_or_another_now_is_dead(proc: Path) -> None:
    run = owner.this_run(proc)
    assert owner.is_alive(dataclasses.replace(run, pid=999), proc) is False
    assert owner.is_alive(dataclasses.replace(run, began=1), proc) is False
    (proc / "40" / "stat").write_text(_STAT.format(pid=40, state="Z", parent=30, began=400))
    assert owner.is_alive(run, proc) is False


def test_of_another_machine_nothing_is_known(proc: Path) -> None:
    run = owner.this_run(proc)
    (proc / "sys/kernel/random/boot_id").write_text("two\n")
    assert owner.is_alive(run, proc) is None


def test_what_the_rows_keep_is_read_again() -> None:
    run = owner.Run("0123456789ab", "h" * 300, "0123456789abcdef", 4194304, 2**40)
    read = owner.parse(run.text())
    assert read == dataclasses.replace(run, host="h" * 63)
    assert len(run.text()) < 255
    assert owner.parse("") is None


def test_each_run_has_a_name_of_its_own() -> None:
    assert owner.this_run().id != owner.this_run().id


def test_who_holds_the_server_is_told_with_a_real_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        seen = owner.Run(
            "x", "ctl", owner.this_run().machine, process.pid, owner._began(Path("/proc"), process.pid) or 0
        )
        held = owner.describe(seen.text())
        assert held is not None
        assert (held["who"], held["alive"]) == (f"process {process.pid} on ctl", True)
        process.communicate(b"\n")
    after = owner.describe(seen.text())
    assert after is not None
    assert after["alive"] is False
    assert owner.describe("") is None


def test_how_long_a_row_was_left_alone() -> None:
    assert owner.idle_s("2026-01-01 00:00:00") > 60
    now = datetime.now(timezone.utc)
    assert owner.idle_s(now.strftime("%Y-%m-%d %H:%M:%S")) <= 2
    assert owner.idle_s((now + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")) == 0
