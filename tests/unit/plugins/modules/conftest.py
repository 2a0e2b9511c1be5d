# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._host import lock

_MODULES = "ansible_collections.stackmove.nova.plugins.modules"


@pytest.fixture
def run(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Runs the module that a test file has its name of, with some arguments, and gives its result."""
    name = request.module.__name__.rpartition(".")[2]
    module = importlib.import_module(f"{_MODULES}.{name.replace('test_', '', 1)}")

    def call(arguments: dict[str, Any]) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.fixture
def libvirt_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """libvirt's test driver, and locks of this test's own."""
    import libvirt

    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(lock, "FOLDER", locks)
    # The driver forgets everything with its last connection, so one is held.
    connection = libvirt.open("test:///default")
    yield connection.getURI()
    connection.close()
