# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run every stage of the tests, then say what ran, how long it took, and how many checks passed and failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".cache" / "results"

# Each stage with the minutes after which it counts as hanging.
STAGES = {"lint": 15, "sanity": 10, "unit": 15, "integration": 15, "molecule": 75}
RUNNING: set[int] = set()


@dataclass(frozen=True)
class Outcome:
    """What became of one stage."""

    stage: str
    passed: int
    failures: list[str]
    seconds: float
    note: str


def run(stage: str, output: IO[Any] = sys.stdout) -> Outcome:
    """Run one stage and count what it recorded; a stage that ends badly without a failed check counts as one."""
    print(f"\n=== {stage} ===", file=output, flush=True)
    record, minutes = RESULTS / stage, STAGES[stage]
    record.unlink(missing_ok=True)
    start = time.monotonic()
    # A session of its own, so that the time limit also reaches what the stage itself has started.
    process = subprocess.Popen(
        [ROOT / "tools" / stage],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    RUNNING.add(process.pid)
    try:
        status = process.wait(timeout=minutes * 60)
        problem = f"{stage} ended with status {status}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        problem = f"{stage} was still running after {minutes:g} minutes"
    RUNNING.discard(process.pid)
    lines = [line.split("\t", 1) for line in record.read_text().splitlines()] if record.exists() else []
    failures = [name for verdict, name in lines if verdict == "failed"]
    if status != 0 and not failures:
        failures = [problem]
    passed = [verdict for verdict, name in lines].count("passed")
    note = "; ".join(name for verdict, name in lines if verdict == "note")
    return Outcome(stage, passed, failures, time.monotonic() - start, note)


def run_all() -> list[Outcome]:
    """Run all stages, whatever became of the ones before."""
    with tempfile.TemporaryFile("w+") as said, ThreadPoolExecutor(1) as pool:
        # The linters keep one processor busy, and so do the next stages. The lab wants both.
        lint = pool.submit(run, "lint", said)
        try:
            outcomes = [run(stage) for stage in ("sanity", "unit", "integration")]
            outcomes.insert(0, lint.result())
            said.seek(0)
            print(said.read(), end="", flush=True)
            return [*outcomes, run("molecule")]
        except KeyboardInterrupt:
            for pid in RUNNING:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGINT)
            raise


def main() -> int:
    """Run all stages; the status is 1 when anything failed."""
    outcomes = run_all()
    print("\nstage         passed  failed      time")
    for outcome in outcomes:
        minutes, seconds = divmod(round(outcome.seconds), 60)
        row = f"{outcome.stage:<12}{outcome.passed:>8}{len(outcome.failures):>8}{minutes:>7}:{seconds:02}"
        print(f"{row}  {outcome.note}".rstrip())
    failures = [(outcome.stage, name) for outcome in outcomes for name in outcome.failures]
    if failures:
        print("\nFailed:")
        for stage, name in failures:
            print(f"  {stage}: {name}")
    print(f"\n{sum(outcome.passed for outcome in outcomes)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
