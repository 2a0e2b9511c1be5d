# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

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
