# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of one server, read from a cell of Nova 26: image-backed, with a volume and a port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._nova.rows import Rows
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView

ROWS = Path(__file__).with_name("web1.json")


@pytest.fixture
def web1() -> Rows:
    rows: Rows = json.loads(ROWS.read_text("utf-8"))
    return rows


@pytest.fixture
def view(web1: Rows) -> CellView:
    """Of its cell, before any move."""
    return CellView(
        instance=web1["instances"][0],
        extra=web1["instance_extra"][0],
        migration=None,
        metadata={str(row["key"]): str(row["value"]) for row in web1["instance_system_metadata"]},
        volumes=[row for row in web1["block_device_mapping"] if row["destination_type"] == "volume"],
        network_info=str(web1["instance_info_caches"][0]["network_info"]),
    )
