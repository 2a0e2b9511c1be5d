# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight has read of a server with a port and a volume, for a resize from compute12 to compute21 in cell2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import Observed

OBSERVED = Path(__file__).with_name("observed.json")


@pytest.fixture
def observed() -> Observed:
    return Observed(**json.loads(OBSERVED.read_text("utf-8")))
