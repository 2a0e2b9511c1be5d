# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the cases: disturb a job, do what follows, and have the checker look at what is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from openstack.exceptions import SDKException

from ansible_collections.stackmove.nova.molecule.common import cloud

from . import checker, lab
from .checker import CELLS, Facts, Way
from .matrix import RECOVER, RESCUE, RUN_AGAIN, Case, Shot, end
from .steps import JOBS, ROOT, Step

T = TypeVar("T")

RUN_S = 400  # after which a playbook counts as hanging
SETTLE_S = 60  # for what the cloud does by itself, such as a port that becomes active
# How long a module has worked when it is killed: one that copies a disk takes seconds, the others a part of one.
COPYING_S = 0.7
DELAY_S = 0.1
DATABASE_S = 0.01
TRIES = 3  # a module that was done before it could be killed
VARIABLE = "STACKMOVE_FAULT"


@dataclass(frozen=True)
class Result:
    """What became of a case.

    :param shots: the ids of what has happened
    :param outcome: one of :data:`checker.OUTCOMES`; empty when nobody could tell
    :param problems: why it has not survived
    """

    case: str
    job: str
    shots: tuple[str, ...]
    follow_up: str
    outcome: str
    problems: tuple[str, ...]
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether the server is as it may be after that."""
        return not self.problems


class TooLateError(Exception):
    """A module that had done its work, so that the job went on to its end."""


class MissedError(Exception):
    """A fault that did not happen: the case says nothing."""


def expected(case: Case, steps: list[Step]) -> tuple[str, ...]:
    """The outcomes that a case may have."""
    shot = case.shots[-1]
    last = end(steps, case.job)
    begins, ends = JOBS[case.job].begins, JOBS[case.job].ends
    if case.follow_up == RUN_AGAIN:
        return (ends,)
    if case.job != "move":  # taken back, it waits; and to recover that there is nothing
        return (begins, ends)
    if case.follow_up in (RESCUE, "recover_back"):
        return (begins,)
    # Behind the flip the server has moved; in the midst of it, or before, who knows.
    if shot.step.number > last.number:
        return (ends,)
    # A server of which nothing has been changed yet is nothing to recover.
    return (ends,) if case.follow_up == "recover_forward" and shot.step.number > 1 else (begins, ends)


class Server:
    """A server that is moved to and fro.

    :ivar state: one of :data:`checker.OUTCOMES`
    :ivar before: what it was when it was last at home
    """

    def __init__(self, prefix: str, way: Way, work: Path, keep: bool) -> None:
        self.connection = cloud.connect()
        self.prefix = prefix
        self.number = 1
        self.way = way
        self.work = work
        self.keep = keep
        self.before = self.find() if keep else self.make()
        self.state = "home"

    @property
    def name(self) -> str:
        """A server that a case has wrecked is not used again."""
        return f"{self.prefix}-{self.number}"

    def find(self) -> Facts:
        """Use what an earlier run has left."""
        facts = self.look()
        if facts.api["status"] == "VERIFY_RESIZE":
            self.play("confirm", self.work / "logs" / f"{self.prefix}.log", {})
            facts = self.look()
        if facts.api["host"] != self.way.source:
            self.way = self.way.back()
        return facts

    def make(self) -> Facts:
        """Boot a new one."""
        wanted = {"name": self.name, "host": self.way.source, "volume": True}
        whole(lambda: cloud.delete(self.connection, wanted))
        whole(lambda: cloud.create(self.connection, wanted))
        return self.look()

    def replace(self) -> None:
        """Boot another in its place; one that is kept is looked at before the next case, as it has become."""
        self.state = "home"
        if self.keep:
            self.before = self.find()
        else:
            self.number += 1
            self.before = self.make()

    def delete(self) -> None:
        """Delete it, and what was wrecked before it."""
        for number in range(1, self.number + 1):
            wanted = {"name": f"{self.prefix}-{number}"}
            whole(partial(cloud.delete, self.connection, wanted))

    def look(self) -> Facts:
        """Read everything of it."""
        return checker.read(self.connection, self.name)

    def leave(self) -> None:
        """See that Nova is at home with it, by a stop, a start and a hard reboot; then delete it."""
        self.bring("home", self.work / "logs" / f"{self.prefix}.log")
        if not self.keep:
            whole(lambda: cloud.exercise(self.connection, {"name": self.name}))
            self.delete()

    def play(self, playbook: str, log: Path, variables: dict[str, str], extra: dict[str, str] | None = None) -> int:
        """Run a playbook as an operator would; gives its exit status, negative when it was killed by a signal."""
        began = time.monotonic()
        variables = {"server": self.name, **variables}
        command = ["ansible-playbook", f"stackmove.nova.{playbook}", "-i", str(ROOT / "lab" / "inventory")]
        with log.open("a") as output:
            print(f"\n##### {playbook} {variables} {(extra or {}).get(VARIABLE, '')}", file=output, flush=True)
            process = subprocess.Popen(
                [*command, "-e", json.dumps(variables)],
                env={**lab.environment(self.work), **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(timeout=RUN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
                print(f"##### was still running after {RUN_S} s", file=output)
            print(f"##### status {status} after {time.monotonic() - began:.1f} s", file=output)
        return status

    def job(self, job: str, log: Path, extra: dict[str, str] | None = None) -> int:
        """Run the playbook of a job."""
        variables = {"destination_host": self.way.destination} if job == "move" else {}
        return self.play(JOBS[job].playbook, log, variables, extra)

    def undisturbed(self, job: str, log: Path) -> None:
        """Run a job that nothing disturbs; raises LabError when it fails all the same."""
        if self.job(job, log):
            raise lab.LabError(f"{job} failed with nothing to disturb it, see {log}")
        self.arrive(JOBS[job].ends, self.look())

    def arrive(self, outcome: str, facts: Facts) -> None:
        """Note what it has become: once its move is confirmed, it's at home elsewhere."""
        self.state = outcome
        if outcome == "confirmed":
            self.way, self.state = self.way.back(), "home"
        if self.state == "home":
            self.before = facts

    def bring(self, state: str, log: Path) -> None:
        """Bring it, undisturbed, to where a job begins."""
        if self.state != state:
            self.undisturbed("confirm" if state == "home" else "move", log)


def whole(action: Callable[[], T]) -> T:
    """Do something with the cloud, which ends the program when it fails: here, just the case."""
    try:
        return action()
    except (SystemExit, SDKException) as failed:
        raise lab.LabError(str(failed)) from failed


def delay(step: Step) -> float:
    """How long a step's module has worked when it is killed, in seconds."""
    if len(step.services) > 1:
        return COPYING_S
    return DATABASE_S if "mariadb" in step.services else DELAY_S


def disturb(server: Server, shot: Shot, log: Path, haste: float) -> None:
    """Run a job with one fault in it, and take the fault away; raises MissedError when it did not happen.

    :param haste: how many times as soon as else a module is killed
    """
    places = server.way.places()
    delay_s = delay(shot.step) / haste
    report = log.with_suffix(".report")
    report.write_text("")
    told = {
        "location": shot.step.location,
        "report": str(report),
        **lab.fault(shot, server.before.id, places, delay_s),
    }
    extra = {
        VARIABLE: json.dumps(told),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "fault",
        # Else a module comes by a pipe, and nothing tells it from any other Python.
        "ANSIBLE_PIPELINING": str(shot.fault != "module_killed"),
    }
    lab.prepare(shot, places)
    try:
        status = server.job(shot.step.job, log, extra)
    finally:
        lab.heal(shot, places)
    said = report.read_text()
    with log.open("a") as output:
        print(f"##### {said}", file=output)
    happened = {
        "controller_killed": status == -signal.SIGKILL,
        "controller_terminated": status in (-signal.SIGTERM, 128 + signal.SIGTERM),
    }.get(shot.fault, status != 0)
    if shot.fault == "module_killed" and (not happened or "killed" not in said):
        raise TooLateError(f"{shot.id}: the module was done before it could be killed")
    if "struck" not in said or "failed" in said or not happened:
        raise MissedError(f"{shot.id} did not happen: status {status}, {said.strip() or 'the step was not reached'}")


def follow(server: Server, case: Case, log: Path) -> Iterator[str]:
    """Do what follows; yields what is wrong with how it ended."""
    if case.follow_up == RUN_AGAIN:
        status = server.job(case.job, log)
    elif case.follow_up in RECOVER:
        status = server.play("recover", log, {"recover_direction": RECOVER[case.follow_up]})
    else:
        return
    if status:
        yield f"{case.follow_up} ended with status {status}"


def check(server: Server, case: Case, wanted: tuple[str, ...], since: str) -> tuple[str, list[str]]:
    """Have the checker look until all is well, or for as long as the cloud may need by itself."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        kind = ""
        try:
            facts = server.look()
            kind = checker.outcome(facts, server.way)
            problems = checker.amiss(facts, server.before, server.way, kind)
            if kind not in wanted:
                problems.append(f"the server is {kind}, and should be {' or '.join(wanted)}")
            if case.follow_up == RESCUE and kind == "home":
                problems += checker.untold(facts, CELLS[server.way.source], since)
        except lab.LabError as error:
            problems = [str(error)]
        if not problems:
            server.arrive(kind, facts)
            return kind, []
        if time.monotonic() > deadline:
            return kind, problems
        time.sleep(2)


def run(server: Server, case: Case, steps: list[Step]) -> Result:
    """Run a case. A server that has not survived is replaced by another."""
    began = time.monotonic()
    log = server.work / "logs" / f"{case.id}.log"
    log.unlink(missing_ok=True)
    way = server.way
    outcome, problems = "", ["no try hit the module at work"]
    try:
        for attempt in range(TRIES):
            server.bring(JOBS[case.job].begins, log)
            since = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
            problems = []
            try:
                for shot in case.shots:
                    disturb(server, shot, log, 4**attempt)
                    problems += checker.unsafe(
                        server.before.id, checker.read_rows(server.before.id), checker.read_hosts(server.before.id)
                    )
            except TooLateError as late:
                problems = [str(late)]
                server.arrive(JOBS[case.job].ends, server.look())
                continue
            problems += follow(server, case, log)
            outcome, amiss = check(server, case, expected(case, steps), since)
            problems += amiss
            break
    except (lab.LabError, MissedError) as error:
        problems.append(str(error))
    with log.open("a") as output:
        print("\n".join(["##### " + (outcome or "?"), *problems]), file=output)
    if problems:
        server.replace()
    tidy(server, case, way, log)
    return Result(
        case=case.id,
        job=case.job,
        shots=tuple(shot.id for shot in case.shots),
        follow_up=case.follow_up,
        outcome=outcome,
        problems=tuple(problems),
        seconds=round(time.monotonic() - began, 1),
    )


def tidy(server: Server, case: Case, way: Way, log: Path) -> None:
    """Take away what a shot had put in place; a guest that has moved onto it returns first."""
    if any(shot.fault == "disk_full" for shot in case.shots):
        if server.state == "moved":
            server.undisturbed("revert", log)
        lab.empty(way.destination)


class Series:
    """Cases to run, shared by servers that each take the next which begins where they are."""

    def __init__(self, cases: list[Case], steps: list[Step], work: Path) -> None:
        self.waiting = list(cases)
        self.steps = steps
        self.work = work
        self.results: list[Result] = []
        self.lock = Lock()

    def take(self, state: str) -> Case | None:
        """The next case, one that begins in this state if there is one."""
        with self.lock:
            fits = [case for case in self.waiting if JOBS[case.job].begins == state]
            case = next(iter(fits or self.waiting), None)
            if case:
                self.waiting.remove(case)
            return case

    def add(self, result: Result) -> None:
        """Note a result, on the screen and in the file."""
        with self.lock:
            self.results.append(result)
            with (self.work / "results.jsonl").open("a") as file:
                print(json.dumps(asdict(result)), file=file)
            verdict = "ok" if result.survived else "FAILED"
            print(f"  {verdict:<8}{result.case:<60}{result.outcome:<10}{result.seconds:6.1f} s", flush=True)
            for problem in result.problems:
                print(f"          {problem}", flush=True)

    def work_off(self, server: Server) -> None:
        """Run cases with a server until none is left."""
        while (case := self.take(server.state)) is not None:
            self.add(run(server, case, self.steps))
