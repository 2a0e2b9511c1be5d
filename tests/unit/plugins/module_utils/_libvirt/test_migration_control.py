# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_control
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Progress


def test_nobody_forces_a_migration_while_its_disks_are_copied() -> None:
    with pytest.raises(StackmoveError, match="7 bytes of disks are left"):
        migration_control.refuse_early(Progress(disk_total=9, disk_remaining=7))
    migration_control.refuse_early(Progress(disk_total=9, memory_total=5, memory_remaining=3))
