# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[[dict[str, Any]], dict[str, Any]]

ARGUMENTS: dict[str, Any] = {
    "server": "s",
    "migration": "5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88",
    "run": "this one",
    "state": "preparing",
}


def test_arguments_are_checked(run: Run) -> None:
    assert "value of state must be one of" in run({**ARGUMENTS, "state": "finished"})["msg"]
    message = run({**ARGUMENTS, "destination": {"host": "dst"}})["msg"]
    assert "missing required arguments: compute_id, ip, node found in destination" in message


def test_an_entry_of_the_destinations_volumes_is_taken_as_it_is(run: Run) -> None:
    volume = {
        "volume_id": "v",
        "source_attachment_id": "a",
        "destination_attachment_id": "b",
        "mountpoint": "/dev/vdb",
        "connection_info": {"driver_volume_type": "rbd"},
    }
    assert "api_database is not set" in run({**ARGUMENTS, "volumes": [volume]})["msg"]
