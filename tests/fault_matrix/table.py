# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the results say, as a table: a line for each step, a column for each fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .matrix import FAULTS, every_case
from .runner import Result
from .steps import Step

Cells = dict[tuple[str, str], list[Result]]


def newest(results: Iterable[Result]) -> list[Result]:
    """Of each case the last result."""
    return list({result.case: result for result in results}.values())


def cells(results: Iterable[Result]) -> Cells:
    """The results by step and fault; a case of many shots counts for each of them."""
    found: Cells = defaultdict(list)
    for result in results:
        for shot in result.shots:
            step, fault, *_service = shot.split(":")
            found[step, fault].append(result)
    return found


def count(results: Iterable[Result]) -> tuple[int, int]:
    """How many cases have survived, and how many were tried."""
    found = list(results)
    return sum(result.survived for result in found), len(found)


def rows(steps: list[Step], results: Iterable[Result]) -> list[list[str]]:
    """The table with its head: in each cell, how many cases have survived of those tried."""
    found = cells(results)
    table = [["step", "what it does", *(fault.replace("_", " ") for fault in FAULTS)]]
    for step in steps:
        tried = [found.get((step.id, fault), []) for fault in FAULTS]
        table.append(
            [step.id, f"{step.role}: {step.name}", *("{}/{}".format(*count(cell)) if cell else "" for cell in tried)]
        )
    return table


def text(steps: list[Step], results: Iterable[Result]) -> str:
    """The table for a terminal, and the count."""
    found = list(results)
    table = rows(steps, found)
    table[0][2:] = ["fails", "fails after", "module", "killed", "term.", "host", "service", "disk"]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
    return "\n".join([*lines, "", "{} of {} cases survived".format(*count(found))])


def page(steps: list[Step], results: Iterable[Result]) -> str:
    """The page of the documentation."""
    found = list(results)
    table = rows(steps, found)
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for row in table:
        lines += [f"   {'*' if number == 0 else ' '} - {cell}".rstrip() for number, cell in enumerate(row)]
    survived, tried = count(found)
    template = (Path(__file__).parent / "page.rst").read_text()
    return template.format(
        table="\n".join(lines), survived=survived, tried=tried, whole=len(every_case(steps)), failed=failed(found)
    )


def failed(results: list[Result]) -> str:
    """The cases that have not survived, and why."""
    lost = [result for result in results if not result.survived]
    return "\n".join(f"- ``{result.case}``: {' '.join(result.problems)}" for result in lost) or "None."
