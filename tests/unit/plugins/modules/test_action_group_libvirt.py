# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook says once how the hosts' libvirt is reached, to the action group: in it is every module that asks it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[4]
MODULES = sorted(path.stem for path in (_ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
GROUP = yaml.safe_load((_ROOT / "meta" / "runtime.yml").read_text("utf-8"))["action_groups"]["libvirt"]


@pytest.mark.parametrize("name", MODULES)
def test_whoever_reaches_libvirt_is_in_the_group(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.stackmove.nova.plugins.modules.{name}")
    documentation: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)
    assert "libvirt_uri" not in documentation.get("options", {})
    assert ("stackmove.nova.libvirt" in documentation["extends_documentation_fragment"]) == (name in GROUP)
