# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.action import domain_live_migration

STARTED = '{"started": 1, "finished": 0, "ansible_job_id": "j1.1"}'
RECORD = '{"name": "web1", "phase": "starting"}\n'


def wait(folder: Path, tries: int) -> tuple[str, str, float]:
    """Run the command as Ansible does; return what it says of the migration and of the module, and how long it took."""
    command = domain_live_migration._WAIT.format(tries=tries, result=folder / "j1", folder=folder, next="---")
    begun = time.monotonic()
    done = subprocess.run(["/bin/sh", "-c", f"{command} && sleep 0"], check=True, capture_output=True, text=True)
    told, _next, job = done.stdout.partition("---\n")
    return told, job, time.monotonic() - begun


def test_a_module_that_works_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "j1").write_text(STARTED, "utf-8")
    (tmp_path / "x.progress.json").write_text(RECORD, "utf-8")
    told, job, seconds = wait(tmp_path, 2)
    assert (told, job) == (RECORD, STARTED)
    assert seconds >= 0.4


@pytest.mark.parametrize("job", ['{"changed": true}', '{"changed": true}\n', '\n{"failed": true}\n'])
def test_a_module_that_has_ended_is_not_waited_for(tmp_path: Path, job: str) -> None:
    (tmp_path / "j1").write_text(job, "utf-8")
    assert wait(tmp_path, 100)[:2] == ("", job)


def test_its_end_is_noticed_at_once(tmp_path: Path) -> None:
    (tmp_path / "j1").write_text(STARTED, "utf-8")
    threading.Timer(0.3, (tmp_path / "j1").write_text, ('{"changed": true}', "utf-8")).start()
    told, job, seconds = wait(tmp_path, 100)
    assert (told, job) == ("", '{"changed": true}')
    assert seconds < 5


@pytest.mark.parametrize("domain", ["6F70656E-7374-4163-8B6D-6F7665210001", "6f70656e737441638b6d6f7665210001", "web1"])
def test_a_uuid_is_known_however_it_is_spelled(domain: str) -> None:
    known = ("6f70656e-7374-4163-8b6d-6f7665210001", "web1")
    assert domain_live_migration._canonical(domain) in known
