# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install pip into a virtual environment that has none, with the wheel that Python itself carries.

ansible-test runs this as it would run the get-pip script that it wants to download. The arguments
are those of that script: options and package names for ``pip install``, and two switches that pip
does not know.
"""

from __future__ import annotations

import ensurepip
import runpy
import sys
from pathlib import Path

# Debian moves the wheels out of ensurepip's own folder.
FOLDERS = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))


def main() -> None:
    """Run ``pip install`` out of the wheel; raises StopIteration when this Python has none."""
    wheel = next(wheel for folder in FOLDERS for wheel in sorted(folder.glob("pip-*.whl")))
    sys.path.insert(0, str(wheel))
    switches = ("--no-setuptools", "--no-wheel")
    sys.argv[1:] = ["install", *(word for word in sys.argv[1:] if word not in switches)]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
