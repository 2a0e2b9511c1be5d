# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run every stage of the tests, then say what ran, how long it took, and how many checks passed and failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".cache" / "results"

# Each stage with the minutes after which it counts as hanging.
STAGES = {"lint": 10, "sanity": 10, "unit": 10, "integration": 15, "molecule": 60}


@dataclass(frozen=True)
class Outcome:
    """What became of one stage."""

    stage: str
    passed: int
    failures: list[str]
    seconds: float
    note: str


def run(stage: str, minutes: float) -> Outcome:
    """Run one stage and count what it recorded; a stage that ends badly without a failed check counts as one."""
    print(f"\n=== {stage} ===", flush=True)
    record = RESULTS / stage
    record.unlink(missing_ok=True)
    start = time.monotonic()
    # A session of its own, so that the time limit also reaches what the stage itself has started.
    process = subprocess.Popen([ROOT / "tools" / stage], cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = process.wait(timeout=minutes * 60)
        problem = f"{stage} ended with status {status}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        problem = f"{stage} was still running after {minutes:g} minutes"
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
    lines = [line.split("\t", 1) for line in record.read_text().splitlines()] if record.exists() else []
    failures = [name for verdict, name in lines if verdict == "failed"]
    if status != 0 and not failures:
        failures = [problem]
    passed = [verdict for verdict, name in lines].count("passed")
    note = "; ".join(name for verdict, name in lines if verdict == "note")
    return Outcome(stage, passed, failures, time.monotonic() - start, note)


def main() -> int:
    """Run all stages, whatever became of the ones before; the status is 1 when anything failed."""
    outcomes = [run(stage, minutes) for stage, minutes in STAGES.items()]
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
