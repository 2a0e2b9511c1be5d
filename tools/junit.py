# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print ``passed|failed<TAB>name`` for each test in a folder of JUnit reports, as the stages record their results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree


def results(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the verdict and the name of each test that ran; those that did not apply are left out."""
    for report in sorted(folder.glob("*.xml")):
        # pytest's reports carry the Python they ran on in the file name only
        python = report.name.split("-")[0] if report.name.startswith("python") else ""
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("skipped") is None:
                failed = case.find("failure") is not None or case.find("error") is not None
                name = " ".join(filter(None, (python, case.get("classname"), case.get("name"))))
                yield ("failed" if failed else "passed"), name


def main() -> None:
    """Print the results of the folder named on the command line."""
    for verdict, name in results(Path(sys.argv[1])):
        print(verdict, name, sep="\t")


if __name__ == "__main__":
    main()
