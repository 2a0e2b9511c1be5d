# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says that opens Nova's databases, when they cannot be opened."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

_SERVER = {"server": "s"}
_MOVE = {**_SERVER, "migration": "6d696772-6174-4e00-8b6d-6f7665210001"}
_CELLS = {"source_cell": "cell1", "target_cell": "cell2"}
MODULES: dict[str, dict[str, str]] = {
    "instance_rows": {**_MOVE, "cell": "cell2", "run": "this one"},
    "live_migration_info": _MOVE,
    "live_migration_state": {**_MOVE, "run": "this one", "state": "preparing"},
    "move_phase_info": {**_MOVE, **_CELLS},
    "move_state": {**_MOVE, **_CELLS, "run": "this one", "state": "started"},
    "server_move_info": {**_SERVER, "cloud": "nowhere"},
}


@pytest.fixture(params=MODULES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each of them."""
    return str(request.param)


def run(name: str, capsys: pytest.CaptureFixture[str], **given: str) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.stackmove.nova.plugins.modules.{name}")
    with patch_module_args({**MODULES[name], **given}), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_no_database_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = run(name, capsys)["msg"]
    assert message.startswith("Failed to find Nova's API database: api_database is not set. Remedy: ")


def test_the_database_is_of_another_kind(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(name, capsys, api_database="postgresql://nova:s3cret@db/nova_api")
    assert "postgresql:// is not a MySQL or MariaDB URL" in result["msg"]
    assert "s3cret" not in json.dumps(result)


def test_the_database_is_out_of_reach(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(name, capsys, api_database="mysql+pymysql://nova:s3cret@127.0.0.1:9/nova_api")
    assert result["msg"].startswith("Failed to connect to the database of nova_api (nova_api on 127.0.0.1:9): ")
    assert "s3cret" not in json.dumps(result)
