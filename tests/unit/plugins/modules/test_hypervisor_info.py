# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host import requirements
from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import InstanceDir
from ansible_collections.stackmove.nova.plugins.modules import hypervisor_info

URI = "test:///default"
#: The one domain of libvirt's test driver; it runs.
SERVER = "6695eb01-f6a4-8304-79aa-97f2502e193f"
ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\ninstances_path = {tmp_path}\n", "utf-8")
    monkeypatch.setattr(requirements, "missing", lambda: [{"name": "os_brick"}])
    connection = libvirt.open(URI)
    yield {"server": SERVER, "nova_conf": [str(conf)], "libvirt_uri": URI}
    connection.close()


def test_a_server_without_a_folder(given: dict[str, Any]) -> None:
    found = hypervisor_info.gather(given)
    assert found["guest"]["state"] == "running"
    assert found["directory"] is None
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert (found["guest"], found["directory"]) == (None, None)


def test_the_note_of_a_move_without_its_secrets(given: dict[str, Any], tmp_path: Path) -> None:
    folder = InstanceDir(tmp_path / ABSENT)
    folder.path.mkdir()
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert (found["guest"], found["directory"]["note"]) == (None, None)
    place = {"role": "source", "migration": "m", "phase": "released"}
    folder.note.write({**place, "connections": [{"auth_password": "a-password"}]})
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert found["directory"]["note"] == place
    assert "a-password" not in str(found)
