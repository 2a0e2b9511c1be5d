# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix: ``make fault-matrix``; see README.md."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from . import lab, table
from .checker import Way
from .matrix import Case, every_case, few_cases
from .runner import Result, Series, Server
from .steps import ROOT, Step, steps

# Where `make` keeps what it makes, outside the copy of the collection.
WORK = ROOT.parent.parent.parent / "fault_matrix"
WAYS = (Way("compute11", "compute21"), Way("compute12", "compute22"))
PREFIX = "fm"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="tools/fault-matrix", description=__doc__)
    parser.add_argument("--few", action="store_true", help="each step and each fault at least once")
    parser.add_argument("--only", metavar="REGEX", default="", help="the cases whose id it matches")
    parser.add_argument(
        "--alone", choices=("with", "without", "only"), default="with", help="cases that stop services or fill disks"
    )
    parser.add_argument("--rest", action="store_true", help="leave out the cases that have survived in an earlier run")
    parser.add_argument("--servers", type=int, default=len(WAYS), help="how many are moved at once")
    parser.add_argument("--keep", action="store_true", help="use the servers that are there, and leave them there")
    parser.add_argument("--list", action="store_true", help="name the cases, and run none")
    parser.add_argument("--page", type=Path, help="write the page of the documentation there")
    return parser.parse_args()


def earlier(work: Path) -> list[Result]:
    """The results of earlier runs, the last of each case."""
    file = work / "results.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return table.newest(
        Result(**{**found, "shots": tuple(found["shots"]), "problems": tuple(found["problems"])})
        for found in map(json.loads, lines)
    )


def choose(options: argparse.Namespace, known: list[Step], work: Path) -> list[Case]:
    """The cases that the command line asks for."""
    done = {result.case for result in earlier(work) if result.survived} if options.rest else set()
    cases = few_cases(known) if options.few else every_case(known)
    wanted = {"with": (True, False), "without": (False,), "only": (True,)}[options.alone]
    return [
        case
        for case in cases
        if case.disturbs_others in wanted and re.search(options.only, case.id) and case.id not in done
    ]


def run(cases: list[Case], known: list[Step], work: Path, options: argparse.Namespace) -> list[Result]:
    """Run the cases: first those that may run beside each other, then the others one by one."""
    beside = Series([case for case in cases if not case.disturbs_others], known, work)
    alone = Series([case for case in cases if case.disturbs_others], known, work)
    ways = WAYS[: max(1, min(options.servers, len(beside.waiting)))]
    lab.get_address()
    try:
        with ThreadPoolExecutor(len(ways)) as pool:
            prefixes = [f"{PREFIX}-{number}" for number in range(1, len(ways) + 1)]
            servers = list(pool.map(partial(Server, work=work, keep=options.keep), prefixes, ways))
            list(pool.map(beside.work_off, servers))
            alone.work_off(servers[0])
            list(pool.map(Server.leave, servers))
    finally:
        lab.drop_address()
        shutil.rmtree(work / "cp", ignore_errors=True)
    return beside.results + alone.results


def main() -> int:
    """Do what the command line says; the status is 1 when a case has not survived."""
    options = arguments()
    known = steps()
    work = WORK / ("few" if options.few else "all")
    cases = choose(options, known, work)
    if options.list:
        print("\n".join(case.id for case in cases))
        return 0
    (work / "logs").mkdir(parents=True, exist_ok=True)
    if not options.rest:
        (work / "results.jsonl").unlink(missing_ok=True)
    results = run(cases, known, work, options)
    print(f"\n{table.text(known, results)}")
    if options.page:
        options.page.write_text(table.page(known, earlier(work)))
    return 0 if all(result.survived for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
