# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See that each module is in the action groups that its documentation names, and in no other.

The groups stand in meta/runtime.yml, the documentation in fragments named ``attributes.actiongroup_<group>``;
Ansible compares the two nowhere.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import yaml

FRAGMENT = "stackmove.nova.attributes.actiongroup_"


def documented(path: Path) -> set[str]:
    """Return the names of the groups in a module's documentation."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            fragments = yaml.safe_load(ast.literal_eval(node.value)).get("extends_documentation_fragment", [])
            return {name.removeprefix(FRAGMENT) for name in fragments if name.startswith(FRAGMENT)}
    return set()


def main() -> int:
    """Print each difference; the status is 1 when there is one."""
    groups = yaml.safe_load(Path("meta/runtime.yml").read_text())["action_groups"]
    listed = {(group, module) for group, modules in groups.items() for module in modules}
    named = {(group, path.stem) for path in Path("plugins/modules").glob("*.py") for group in documented(path)}
    for group, module in sorted(listed - named):
        print(
            f"meta/runtime.yml has {module} in {group}: there is no such module, or its documentation does not say so"
        )
    for group, module in sorted(named - listed):
        print(f"{module}'s documentation says that it is in {group}: meta/runtime.yml does not")
    return 1 if listed != named else 0


if __name__ == "__main__":
    sys.exit(main())
