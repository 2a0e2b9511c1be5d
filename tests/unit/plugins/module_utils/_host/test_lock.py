# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._host import lock

# As the module does it, in a process that can be killed.
HOLDER = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(handle, fcntl.LOCK_EX)
os.write(handle, f"{os.getpid()} since then".encode())
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "FOLDER", tmp_path)
    return tmp_path


def test_a_lock_is_held_and_leaves_nothing(folder: Path) -> None:
    with lock.held("s", 0), pytest.raises(ConflictError, match=f"process {os.getpid()} since 2"), lock.held("s", 0):
        pytest.fail("held twice")
    assert list(folder.iterdir()) == []
    with lock.held("s", 0), lock.held("other", 0):
        assert len(list(folder.iterdir())) == 2


def test_the_lock_of_a_killed_process_is_free(folder: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(folder / "stackmove-s.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=f"process {holder.pid} since then"), lock.held("s", 0):
            pytest.fail("held twice")
        holder.send_signal(signal.SIGKILL)
    with lock.held("s", 0):
        assert (folder / "stackmove-s.lock").read_text("utf-8").startswith(f"{os.getpid()} since")


def test_many_wait_and_one_at_a_time_works(folder: Path) -> None:
    working: list[int] = []
    most = []

    def work() -> None:
        with lock.held("s", 60):
            working.append(1)
            most.append(len(working))
            working.pop()

    threads = [threading.Thread(target=work) for _each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert list(folder.iterdir()) == []


def test_a_link_is_not_followed(folder: Path) -> None:
    (folder / "stackmove-s.lock").symlink_to(folder / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), lock.held("s", 0):
        pytest.fail("held")
    assert not (folder / "elsewhere").exists()
