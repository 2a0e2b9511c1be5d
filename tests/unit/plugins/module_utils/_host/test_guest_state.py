# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_state import predict


@pytest.mark.parametrize(
    ("steps", "guest", "folder"),
    [
        ([], "running", "present"),
        (["keep", "shut_down", "undefine", "disconnect"], "absent", "present"),
        (["connect", "define", "start", "forget"], "running", "present"),
        (["create_directory", "connect", "define"], "shutoff", "present"),
        (["destroy", "disconnect", "remove_directory"], "absent", "absent"),
        (["undefine_all", "remove_directory"], "absent", "absent"),
    ],
)
def test_what_a_plan_leads_to(steps: list[str], guest: str, folder: str) -> None:
    assert predict({"guest": "running", "folder": "present"}, steps) == {"guest": guest, "folder": folder}
