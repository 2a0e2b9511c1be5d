# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            StackmoveError("do it", "it is late.", "Begin earlier."),
            "Failed to do it: it is late. Remedy: Begin earlier.",
        ),
        (ImportError("no", name="os_brick"), "Failed to import the required Python library (os_brick)"),
        (OSError(28, "No space left on device"), "No space left on device. Remedy: Check space and permissions."),
    ],
)
def test_what_the_operator_can_mend_is_a_message(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_module: AnsibleModule) -> Mapping[str, Any]:
        raise error

    with patch_module_args({}), pytest.raises(SystemExit):
        run_module(AnsibleModule(argument_spec={}), work, {})
    result = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert message in result["msg"]


def test_a_missing_library_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({}), pytest.raises(SystemExit):
        run_module(AnsibleModule(argument_spec={}), lambda _module: {}, {"openstacksdk": "Traceback"})
    assert "(openstacksdk)" in json.loads(capsys.readouterr().out)["msg"]
