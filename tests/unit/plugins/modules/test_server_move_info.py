# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

ARGUMENTS: dict[str, Any] = {"server": "web1", "cloud": "nowhere"}


Run = Callable[[dict[str, Any]], dict[str, Any]]


def test_arguments_are_checked(run: Run) -> None:
    assert "missing required arguments: server" in run({})["msg"]


def test_no_database_is_named(run: Run) -> None:
    message = run(ARGUMENTS)["msg"]
    assert message.startswith("Failed to find Nova's API database: api_database is not set. Remedy: ")


def test_the_database_is_of_another_kind(run: Run) -> None:
    result = run({**ARGUMENTS, "api_database": "postgresql://nova:s3cret@db/nova_api"})
    assert "postgresql:// is not a MySQL or MariaDB URL" in result["msg"]
    assert "s3cret" not in json.dumps(result)


def test_the_database_is_out_of_reach(run: Run) -> None:
    result = run({**ARGUMENTS, "api_database": "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova_api"})
    assert result["msg"].startswith("Failed to connect to the database of nova_api (nova_api on 127.0.0.1:9): ")
    assert "s3cret" not in json.dumps(result)
