# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix: each step of each job with each fault that can happen in it, and what is done about it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .steps import Step

# What happens in a step.
FAULTS = (
    "task_fails_before",  # the task fails and has done nothing
    "task_fails_after",  # the task does all its work, and then fails
    "module_killed",  # SIGKILL for the module, in the middle of its work, wherever it runs
    "controller_killed",  # SIGKILL for ansible-playbook as the step begins, which is as the one before it has ended
    "controller_terminated",  # SIGTERM for ansible-playbook in the middle of the step
    "host_unreachable",  # the host on which the module would run answers no ssh
    "service_stopped",  # what the module talks to is stopped, and started again when the run has ended
    "disk_full",  # the destination has no room for a single block
)
BREAKS_OFF = ("controller_killed", "controller_terminated")
# Where a confirmation or a revert stops, to go on when it is run again; a move takes itself back after the others.
STOPS = (*BREAKS_OFF, "task_fails_before", "task_fails_after", "host_unreachable")

# What is done afterwards: nothing, as the run took everything back itself; the same command again; or recover.yml.
RESCUE = "rescue"
RUN_AGAIN = "run_again"
RECOVER = {"recover_auto": "auto", "recover_back": "back", "recover_forward": "forward"}
FOLLOW_UPS = (RESCUE, RUN_AGAIN, *RECOVER)

# Up to so many shots are the way to the last of them.
LADDER = 2


@dataclass(frozen=True)
class Shot:
    """One fault in one step; of services, the one that is stopped."""

    step: Step
    fault: str
    service: str = ""

    @property
    def id(self) -> str:
        """What names it on the command line and in the results."""
        return ":".join(filter(None, (self.step.id, self.fault, self.service)))


@dataclass(frozen=True)
class Case:
    """A job that is disturbed, once or, run again each time, several times; and what is done about it.

    :param follow_up: one of :data:`FOLLOW_UPS`
    """

    shots: tuple[Shot, ...]
    follow_up: str

    @property
    def job(self) -> str:
        """The job that is disturbed."""
        return self.shots[0].step.job

    @property
    def id(self) -> str:
        """What names it on the command line and in the results."""
        if len(self.shots) > LADDER:
            return f"{self.job}.all:{self.follow_up}"
        return f"{self.shots[-1].id}:{self.follow_up}"

    @property
    def disturbs_others(self) -> bool:
        """Whether it has to be alone in the cloud."""
        return any(shot.fault in ("service_stopped", "disk_full") for shot in self.shots)


def shots(step: Step) -> Iterator[Shot]:
    """All that can happen in a step; in one that none of these moves needs, a run can only be killed."""
    if step.rebuilds:
        yield Shot(step, "controller_killed")
        return
    for fault in FAULTS:
        if fault == "service_stopped":
            yield from (Shot(step, fault, service) for service in step.services)
        elif (fault != "host_unreachable" or step.place != "controller") and (fault != "disk_full" or fills_disk(step)):
            yield Shot(step, fault)


def fills_disk(step: Step) -> bool:
    """Whether a step puts files on the destination's disk."""
    return (
        step.module == "destination_guest" and step.place == "destination" and step.state not in ("absent", "settled")
    )


def follow_ups(shot: Shot, steps: list[Step]) -> tuple[str, ...]:
    """What an operator may do about it.

    A move takes itself back when a task fails, unless what failed is still away then; once it is made, it does not. A
    confirmation and a revert stop where they are, to be run again.
    """
    if shot.step.job != "move" or shot.step.number >= end(steps, "move").number:
        return RUN_AGAIN, "recover_auto"
    if shot.fault in BREAKS_OFF:
        return RUN_AGAIN, *RECOVER
    if shot.fault in ("host_unreachable", "service_stopped"):
        return "recover_auto", RUN_AGAIN, "recover_back"
    return RESCUE, RUN_AGAIN


def every_case(steps: list[Step]) -> list[Case]:
    """The whole matrix: first each fault in each step once, with one follow-up or another; then with the others."""
    rounds: list[list[Case]] = [[] for _turn in FOLLOW_UPS]
    for step in steps:
        for shot in shots(step):
            wanted = follow_ups(shot, steps)
            for turn in range(len(wanted)):
                rounds[turn].append(Case(reaching(shot, steps), wanted[(turn + step.number) % len(wanted)]))
    return [case for turn in rounds for case in turn]


def reaching(shot: Shot, steps: list[Step]) -> tuple[Shot, ...]:
    """The shot; before it, if only a run that goes on makes its step, the one which a run has to go on after."""
    return (Shot(end(steps, "move"), "controller_killed"), shot) if shot.step.resumed else (shot,)


def end(steps: list[Step], job: str) -> Step:
    """The step with which a job is done, but for what it clears away: the last that changes the state of the move."""
    return [step for step in steps if step.job == job and step.module == "move_state"][-1]


def few_cases(steps: list[Step]) -> list[Case]:
    """A part of the matrix that has each step and each fault at least once.

    What a move takes back by itself: one case for each fault that does not break it off. For the other steps, a server
    takes a fault in each step of a job in turn: one that is broken off at a step goes on when it is run again.
    """
    taken_back = _taken_back(steps)
    seen = {case.shots[0].step for case in taken_back}
    cases = []
    for job in dict.fromkeys(step.job for step in steps):
        own = [step for step in steps if step.job == job]
        last = end(steps, job)
        ahead = [step for step in own if step.number < last.number and not step.resumed and step not in seen]
        behind = [step for step in own if step.number > last.number]
        ladder = [*ahead, last, *(step for step in own if step.resumed), *behind]
        cases.append(Case(tuple(_one_each(ladder, last)), RUN_AGAIN))
    return cases + taken_back


def _taken_back(steps: list[Step]) -> list[Case]:
    """For each fault that does not break a run off, the last step before a move's end in which it can happen."""
    cases = []
    missing = [fault for fault in FAULTS if fault not in BREAKS_OFF]
    last = end(steps, "move")
    # The later the step, the more there is to take back.
    for step in [step for step in steps if step.job == "move" and step.number < last.number and not step.resumed][::-1]:
        shot = next((shot for shot in shots(step) if shot.fault in missing), None)
        if shot:
            missing.remove(shot.fault)
            cases.append(Case((shot,), follow_ups(shot, steps)[0]))
    return cases


def _one_each(ladder: list[Step], last: Step) -> Iterator[Shot]:
    """One fault for each step, by turns: one after which the job, run again, gets to the next of them."""
    for turn, step in enumerate(ladder):
        if step is last:
            yield Shot(step, "controller_killed")
            continue
        allowed = [shot for shot in shots(step) if shot.fault in (BREAKS_OFF if step.job == "move" else STOPS)]
        yield allowed[turn % len(allowed)]
