# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A callback that lets something go wrong in one task of a playbook; the fault matrix enables it for its runs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fault
type: aggregate
short_description: Let something go wrong in a task
description:
  - Reads from the environment variable E(STACKMOVE_FAULT) what is to go wrong, and where.
  - V(location), the end of the path and line of the task; V(report), a file to which it appends a line when it is done.
  - And one of V(fails), V(fails_after), V(signal) with V(delay_s), and V(command) with V(input) and V(until).
requirements:
  - enabled in the configuration
"""

import json
import os
import subprocess
import time
from pathlib import Path
from threading import Timer
from typing import Any

from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

READY_S = 20


class CallbackModule(CallbackBase):
    """Strikes once, as the task starts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "fault"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.fault: dict[str, Any] = json.loads(os.environ["STACKMOVE_FAULT"])
        self.report = Path(self.fault["report"])
        self.struck = False

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Strike if this is the task. It runs in ansible-playbook itself, before the task is given to a worker."""
        if self.struck or not task.get_path().endswith(self.fault["location"]):
            return
        self.struck = True
        if "fails" in self.fault:
            task.action = task._resolved_action = "ansible.builtin.fail"
            task.args = {"msg": "The fault matrix lets this task fail before it does anything."}
        if "fails_after" in self.fault:
            task.failed_when = [True]
        if "command" in self.fault:
            self._run(self.fault["command"], self.fault.get("input"), self.fault.get("until", ""))
        if "signal" in self.fault:
            self._signal_later()
            return
        self._write(f"struck {task.get_path()}")

    def _write(self, line: str) -> None:
        with self.report.open("a") as report:
            print(line, file=report)

    def _signal_later(self) -> None:
        if not self.fault["delay_s"]:
            self._signal()
        timer = Timer(self.fault["delay_s"], self._signal)
        timer.daemon = True  # a run that is over sooner doesn't wait for it
        timer.start()

    def _signal(self) -> None:
        self._write(f"struck with signal {self.fault['signal']}")
        os.kill(os.getpid(), self.fault["signal"])

    def _run(self, command: list[str], source: str | None, until: str) -> None:
        """Run a command to its end, or until it has reported something and goes on beside the playbook."""
        words = [word.replace("PID", str(os.getpid())) for word in command]
        with self.report.open("a") as report, Path(source or os.devnull).open() as stdin:
            process = subprocess.Popen(words, stdin=stdin, stdout=report, stderr=report)
        if not until:
            if process.wait(READY_S * 3):
                self._write(f"failed {' '.join(words)}")
            return
        deadline = time.monotonic() + READY_S
        while until not in self.report.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
