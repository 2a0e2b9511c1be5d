# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unittest.mock import create_autospec

from ansible_collections.stackmove.nova.plugins.module_utils._nova.aggregates import metadata_by_host
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database


def test_a_host_may_be_in_several_aggregates() -> None:
    api = create_autospec(Database, instance=True)
    api.query.return_value = [
        {"host": "a", "key": "ssd", "value": "true"},
        {"host": "a", "key": "ssd", "value": "false"},
        {"host": "a", "key": "availability_zone", "value": "z1"},
        {"host": "b", "key": "ssd", "value": "false"},
    ]
    assert metadata_by_host(api, ["a", "b", "c"]) == {
        "a": {"ssd": {"true", "false"}, "availability_zone": {"z1"}},
        "b": {"ssd": {"false"}},
    }
    assert api.query.call_args.args[1] == (("a", "b", "c"),)


def test_no_hosts_take_no_query() -> None:
    api = create_autospec(Database, instance=True)
    assert metadata_by_host(api, []) == {}
    api.query.assert_not_called()
