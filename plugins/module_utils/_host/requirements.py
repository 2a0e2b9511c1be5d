# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be installed on a hypervisor, and what is missing."""

from __future__ import annotations

import importlib.util
import shutil

from ansible_collections.stackmove.nova.plugins.module_utils._host.commands import (
    PROGRAMS,
    PYTHON_MODULES,
)


def missing() -> list[dict[str, str]]:
    """List the programs and Python modules that are absent, each with Debian's package for it."""
    modules = [
        {"name": name, "kind": "python", "package": package}
        for name, package in PYTHON_MODULES.items()
        if importlib.util.find_spec(name) is None
    ]
    programs = [
        {"name": name, "kind": "program", "package": package}
        for name, package in PROGRAMS.items()
        if shutil.which(name) is None
    ]
    return modules + programs
