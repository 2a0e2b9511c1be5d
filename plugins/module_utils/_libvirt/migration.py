# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live migration, from its checks to the proof that the guest runs at the destination.

What to do is decided in migration_options, migration_checks and migration_job; here it is done.
migration_failure has the words for what went wrong.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError, UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    domain_info,
    migration_checks,
    migration_disks,
    migration_failure,
    migration_job,
    migration_options,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import translated
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_disks import Disk
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_errors import MigrationError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Call, Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import (
    Act,
    Done,
    Flow,
    Outcome,
    Progress,
    Side,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_note import NOTES, Note
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

if TYPE_CHECKING:
    import libvirt

_POLL_S = 0.5  # as Nova's
_SETTLE_S = 40.0
_RESUMES = 3
_SILENT_LOOKS = 20


@dataclass(frozen=True)
class Plan:
    """What a migration would do; ``disks`` are those to copy, as the destination will have them."""

    name: str
    source: str
    destination: str
    disks: Sequence[Disk]
    old_paths: Mapping[str, str]
    sizes_bytes: Mapping[str, int]
    memory_bytes: int
    data_gib: float
    replaces: bool

    @property
    def targets(self) -> list[str]:
        """The targets of the disks to copy."""
        return [disk.target for disk in self.disks]


class Migration:
    """The migration of one guest.

    :param source: this host
    :param destination: where the guest goes
    :param report: is told how far it is
    """

    def __init__(
        self, source: Host, destination: Host, uuid: str, options: Options, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self._source = source
        self._destination = destination
        self._uuid = uuid
        self._options = options
        self._report = report
        self._note = Note(NOTES / f"{uuid}.migration.json")
        self._steps: list[str] = []
        self._called = uuid
        self._begun = time.time()
        self._was_running = False
        self._flow = Flow()
        self._hosts = ("", "")

    # Before

    def is_under_way(self) -> bool:
        """Tell whether the guest is being migrated from here now, by whomever."""
        domain = self._source.find(self._uuid)
        return domain is not None and migration_job.is_migration(job_stats(domain))

    def is_there(self) -> bool:
        """Tell whether the guest runs at the destination, and not here."""
        source = self._source.side(self._uuid)
        there = self._received(self._destination.side(self._uuid))
        return source.known and not source.is_active and there.has_arrived

    def plan(self) -> Plan:
        """Check everything, and return what a migration would do.

        :raises UnsupportedError: with all that stands against it
        """
        import libvirt

        domain = self._require_running()
        connection = self._destination.connection()
        with translated(f"look at guest {self._uuid} and its destination"):
            here = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE)
            there = self._options.destination_xml or here
            disks = migration_disks.disks(there)
            asked = self._options
            copied, shared = self._choose_disks(connection, here, there)
            sizes = {target: domain.blockInfo(target) for target in copied}
            name = self._options.destination_name or domain.name()
            twin = self._destination.side(self._uuid)
            files, free = migration_checks.files_at(connection, disks, self._options.copy_storage == "incremental")
            arch = str(domain_info.describe(there)["arch"])
            destination = migration_checks.describe_host(connection, arch)
            found = migration_checks.Findings(
                source=migration_checks.describe_host(self._source.connection(), arch),
                destination=destination,
                domain_xml=there,
                copied=copied,
                shared=shared,
                is_resolved=migration_checks.is_resolved(destination.name),
                taken_name=bool(migration_checks.name_taken_by(connection, name, self._uuid)),
                twin=twin,
                cpu_refusal=migration_checks.cpu_refusal(connection, there),
                snapshots=domain.snapshotNum(),
                checkpoints=len(domain.listAllCheckpoints()),
                files=files,
                ours=self._note.created(self._options.destination_uri),
                free_bytes=free,
                sizes_bytes={target: info[1] for target, info in sizes.items()},
            )
        reasons = migration_checks.blockers(found, asked)
        if reasons:
            error = UnsupportedError(f"migrate guest {self._called} to {found.destination.name}", " ".join(reasons))
            error.result = {"blockers": reasons}
            raise error
        memory_bytes = domain.maxMemory() * 1024
        return Plan(
            name=domain.name(),
            source=found.source.name,
            destination=found.destination.name,
            disks=[disk for disk in disks if disk.target in copied],
            old_paths={disk.target: disk.path for disk in migration_disks.disks(here)},
            sizes_bytes={target: info[0] for target, info in sizes.items()},
            memory_bytes=memory_bytes,
            data_gib=round(migration_options.data_gib(memory_bytes, [info[2] for info in sizes.values()]), 3),
            replaces=twin.state is not None,
        )

    def _choose_disks(self, connection: libvirt.virConnect, here: str, there: str) -> tuple[list[str], set[str]]:
        """Return the disks to copy, and the paths that both hosts see; and settle the options that are about that."""
        asked = self._options
        if asked.copy_storage == "none":
            return [], set()
        disks = migration_disks.disks(there)
        shared = migration_disks.shared_paths(
            migration_disks.disks(here),
            disks,
            asked.migrate_disks or (),
            partial(migration_disks.is_shared, connection),
        )
        is_auto = asked.copy_storage == "auto"
        if is_auto:
            # libvirt doubts storage of a kind that it does not know as shared; this is known. A cache would be unsafe.
            known = migration_disks.are_safe(there, shared)
            self._options = replace(asked, copy_storage="all", unsafe=asked.unsafe or known)
        copied = migration_disks.copied(disks, "all", asked.migrate_disks, shared if is_auto else ())
        return copied, shared

    def predict(self) -> dict[str, Any]:
        """Return what run() would return, as far as that can be known, and change nothing.

        :raises StackmoveError: when it would fail
        """
        if self.is_there():
            return {"changed": False, **self._arrived()}
        if self.is_under_way():
            self._require_ours()
            return {"changed": True, "uuid": self._uuid, "name": self._require_running().name(), "disks": []}
        plan = self.plan()
        domain = self._require_running()
        paused = not self._source.side(self._uuid).runs
        options = migration_options.for_guest(self._options, paused)
        new_files = [disk["path"] for disk in self._copies(plan) if disk["create"]]
        return {
            "changed": True,
            "uuid": self._uuid,
            "name": plan.name,
            "destination": plan.destination,
            "disks": self._copies(plan),
            "plan": {
                "source": plan.source,
                "memory_bytes": plan.memory_bytes,
                "data_gib": plan.data_gib,
                "flags": migration_options.flags(options, bool(domain.isPersistent()), paused, plan.targets),
            },
            "diff": {
                "before": {"guest": plan.name, "host": plan.source, "new_files": []},
                "after": {"guest": plan.name, "host": plan.destination, "new_files": new_files},
            },
        }

    def _copies(self, plan: Plan) -> list[dict[str, Any]]:
        return [
            {
                "target": disk.target,
                "source_path": plan.old_paths[disk.target],
                "path": disk.path,
                "size_bytes": plan.sizes_bytes[disk.target],
                "create": self._options.create_disks and disk.kind == "file",
            }
            for disk in plan.disks
        ]

    def _require_running(self) -> libvirt.virDomain:
        domain = self._source.find(self._uuid)
        if domain is None or not domain.isActive():
            there = self._destination.side(self._uuid)
            raise MigrationError(
                f"migrate guest {self._called}",
                f"it does not run here; at {self._options.destination_uri}: {there.words()}.",
                "Start it, or run this on the host where it runs.",
            )
        self._called = f"{domain.name()} ({self._uuid})"
        return domain

    # While it goes on

    def run(self, watched: bool) -> dict[str, Any]:
        """Migrate the guest; go on watching where a killed run has left it; say so where it has arrived already.

        :param watched: whether another run was migrating it until now. If that has failed, so does this: who has
            aborted it would not want it to begin again
        :raises MigrationError: when it does not run at the destination in the end
        :raises StackmoveError: when libvirt refuses what it is asked beside that
        """
        with translated(f"migrate guest {self._called}"):
            return self._run(watched)

    def _run(self, watched: bool) -> dict[str, Any]:
        if self.is_there():
            return {"changed": False, **self._arrived(), **self._finish()}
        source = self._source.side(self._uuid)
        self._was_running = source.runs
        under_way = self.is_under_way()
        if source.is_broken_post_copy or (watched and not under_way):
            return self._end(None, Done(), Progress())
        if under_way:
            self._require_ours()
            self._steps.append("attached to the migration that is under way")
            domain = self._require_running()
            memory_bytes = domain.maxMemory() * 1024
            there = urlsplit(self._options.destination_uri).hostname or self._options.destination_uri
            self._hosts = (self._source.connection().getHostname(), there)
            return self._watch(domain, None, migration_options.data_gib(memory_bytes, self._copied_bytes(domain)))
        plan = self.plan()
        self._hosts = (plan.source, plan.destination)
        domain = self._require_running()
        self._remove_created()
        self._note.begin(self._options.destination_uri, bool(domain.autostart()), self._copies(plan))
        self._create(plan)
        paused = bool(source.is_active and not source.runs)
        self._options = migration_options.for_guest(self._options, paused)
        flags = migration_options.flags(self._options, bool(domain.isPersistent()), paused, plan.targets)
        parameters = migration_options.parameters(self._options, plan.targets)
        if plan.replaces:
            self._steps.append(f"replace the definition that {plan.destination} has of it, which does not run")
        self._steps.append(f"migrate to {plan.destination}")
        call = Call(lambda: self._migrate(domain, parameters, flags))
        return self._watch(domain, call, plan.data_gib)

    def _require_ours(self) -> None:
        """Refuse to watch a migration that goes elsewhere: how it ends would be looked for in the wrong place."""
        going = self._note.read().get("destination_uri")
        if going != self._options.destination_uri:
            raise MigrationError(
                f"go on with the migration of guest {self._called} to {self._options.destination_uri}",
                f"one is under way {f'to {going}' if going else 'that this module has not begun'}.",
                "Wait until it has ended or abort it (domain_migration_control), then run again.",
            )

    def _finish(self) -> dict[str, Any]:
        """Do what remains for a guest that has arrived, and return what was copied, as whoever began it has noted."""
        note = self._note.read()
        if note.get("destination_uri") != self._options.destination_uri:
            return {}
        if note.get("autostart"):
            self._keep_autostart()
        self._note.remove()  # its disks are the guest's by now
        return {"disks": note["disks"]} if "disks" in note else {}

    def _copied_bytes(self, domain: libvirt.virDomain) -> list[int]:
        """Return the sizes of the disks that a migration under way copies, as far as that is known."""
        disk_total = migration_job.progress(job_stats(domain)).disk_total
        return [disk_total] if disk_total else []

    def _create(self, plan: Plan) -> None:
        connection = self._destination.connection()
        incremental = self._options.copy_storage == "incremental"
        made: list[str] = []
        for disk in plan.disks if self._options.create_disks else ():
            if disk.kind != "file":
                continue
            self._note.write(self._options.destination_uri, [*made, disk.path])
            try:
                migration_disks.create(connection, disk, plan.sizes_bytes[disk.target], incremental)
            except StackmoveError:
                # What stands in the way there is not ours.
                self._note.write(self._options.destination_uri, made)
                self._remove_created()
                raise
            made.append(disk.path)
            self._steps.append(f"create {disk.path}")

    def _remove_created(self) -> list[str]:
        """Remove the files that this or a killed run has made at the destination, while no guest uses them.

        :raises StackmoveError: when one may use them
        """
        created = self._note.created(self._options.destination_uri)
        if created:
            connection = self._destination.connection()
            reason = self._needed(connection, created)
            if reason:
                raise StackmoveError(
                    f"delete {', '.join(created)} at {self._options.destination_uri}, left by an earlier migration",
                    reason,
                    f"If nobody needs them, delete them there by hand, and {self._note.path} here; then run again.",
                )
            for path in created:
                migration_disks.delete(connection, path)
                self._steps.append(f"delete {path}")
        self._note.remove()
        return created

    def _needed(self, connection: libvirt.virConnect, created: Sequence[str]) -> str:
        """Return why files at the destination may be in use; nothing where they are not."""
        domain = self._source.find(self._uuid)
        own = None
        if domain is not None:
            with translated(f"look at the disks of guest {self._called}"):
                own = [disk.path for disk in migration_disks.disks(domain.XMLDesc()) if disk.kind == "file"]
        there = self._destination.side(self._uuid)
        return migration_checks.needed(created, own, there, partial(migration_disks.is_shared, connection))

    def _migrate(self, domain: libvirt.virDomain, parameters: dict[str, Any], flags: int) -> None:
        if flags & migration_options.PEER2PEER:
            domain.migrateToURI3(self._options.destination_uri, parameters, flags)
        else:
            domain.migrate3(self._destination.connection(), parameters, flags)

    def _watch(self, domain: libvirt.virDomain, call: Call[None] | None, gib: float) -> dict[str, Any]:
        """Steer a job until it has ended.

        :param call: the one that does the migration, or None when libvirtd does it by itself
        :param gib: how much there is to carry, in GiB
        """
        done = Done()
        samples: deque[Progress] = deque(maxlen=60)
        now, next_report_s = Progress(), 0.0
        looked = time.monotonic()
        silent = 0
        while call is None or not call.ended.wait(_POLL_S):
            stats: Mapping[str, Any] | None = job_stats(domain) if call else self._look()
            silent = silent + 1 if stats is None else 0
            if stats is None:
                if silent > _SILENT_LOOKS:
                    break
            elif call or migration_job.is_migration(stats):
                passed_s, looked = time.monotonic() - looked, time.monotonic()
                seen = migration_job.progress(stats) if migration_job.is_migration(stats) else Progress()
                post_copy = self._is_post_copy(domain)
                if seen.elapsed_s:
                    now = migration_job.with_disk_rate(seen, samples)
                    samples.append(now)
                    for act, downtime_ms in migration_job.decide(self._options, gib, now, post_copy, done):
                        self._act(domain, act, downtime_ms, done)
                else:
                    now = migration_job.later(now, passed_s)
                self._follow(migration_job.flow(self._flow, now))
                if now.elapsed_s >= next_report_s:
                    self._tell(domain, now, post_copy, done, migration_options.deadline_s(self._options, gib))
                    next_report_s = now.elapsed_s + self._options.interval_s
            else:
                break
            if call is None:
                time.sleep(_POLL_S)
        return self._end(call, done, now)

    def _follow(self, flow: Flow) -> None:
        """Take note of what is sent, and of a stall that is over."""
        if self._is_stalled() and not flow.is_stalled(self._options.stall_s):
            self._steps.append(f"{self._stall()}; go on")
        self._flow = flow

    def _is_stalled(self) -> bool:
        return self._flow.is_stalled(self._options.stall_s)

    def _stall(self) -> str:
        return f"nothing moved from {' to '.join(self._hosts)} for {self._flow.still_s:.0f} s"

    def _look(self) -> dict[str, Any] | None:
        """Return the statistics of a job that nobody here has begun: nothing of a guest that is gone, None unanswered.

        A guest that has left is known by looking for it: libvirt only refuses what is asked of it.
        """
        import libvirt

        try:
            domain = self._source.find(self._uuid)
            return {} if domain is None else domain.jobStats()
        except (StackmoveError, libvirt.libvirtError):
            return None

    @staticmethod
    def _is_post_copy(domain: libvirt.virDomain) -> bool:
        import libvirt

        with suppress(libvirt.libvirtError):  # it has just left
            return Side(*domain.state()).is_post_copy
        return False

    def _act(self, domain: libvirt.virDomain, act: Act, downtime_ms: int, done: Done) -> None:
        """Do something to the job. A refusal is no end: the job may be over by now."""
        import libvirt

        try:
            if act is Act.SET_DOWNTIME:
                domain.migrateSetMaxDowntime(downtime_ms, 0)
                done.downtime_ms = downtime_ms
                self._steps.append(f"allow a pause of {downtime_ms} ms")
            elif act is Act.START_POST_COPY:
                domain.migrateStartPostCopy(0)
                done.forced = True
                self._steps.append("time is up: switch to post-copy")
            elif act is Act.SUSPEND:
                domain.suspend()
                done.forced = True
                self._steps.append("time is up: pause the guest")
            else:
                domain.abortJob()
                done.aborted = True
                self._steps.append("time is up: abort")
        except libvirt.libvirtError as error:
            done.post_copy_refused = done.post_copy_refused or act is Act.START_POST_COPY
            if act is not Act.SET_DOWNTIME:
                self._steps.append(f"{act.value}: {error.get_error_message()}")

    def _tell(self, domain: libvirt.virDomain, now: Progress, post_copy: bool, done: Done, timeout_s: int) -> None:
        bandwidth = self._options.bandwidth_mib * 1024**2
        estimate_s = migration_job.estimate_s(now, bandwidth)
        phase = "post_copy" if post_copy else "memory" if now.copies_memory else "disk"
        source, destination = self._hosts
        self._report(
            {
                "uuid": self._uuid,
                "name": domain.name(),
                "source": source,
                "destination": destination,
                "phase": phase if now.copies_memory or now.disk_total else "starting",
                "elapsed_s": now.elapsed_s,
                "disk_total_bytes": now.disk_total,
                "disk_remaining_bytes": now.disk_remaining,
                "disk_rate_bytes": now.disk_rate,
                "memory_total_bytes": now.memory_total,
                "memory_remaining_bytes": now.memory_remaining,
                "memory_rate_bytes": now.memory_rate,
                "dirty_rate_bytes": now.dirty_rate,
                "iteration": now.iteration,
                "expected_downtime_ms": now.expected_downtime_ms,
                "allowed_downtime_ms": done.downtime_ms,
                "throttle_percent": now.throttle_percent,
                "estimate_s": estimate_s,
                "does_not_converge": bool(now.iteration > 1 and now.dirty_rate and estimate_s is None),
                "stalled_s": self._flow.still_s if self._is_stalled() else 0.0,
                "timeout_s": timeout_s,
                "timeout_action": self._options.timeout_action,
                "steps": self._steps,
            }
        )

    # In the end

    def _end(self, call: Call[None] | None, done: Done, last: Progress) -> dict[str, Any]:
        """Judge how it has ended by looking at both sides, whatever the call has said."""
        source, destination = self._settled()
        end = migration_job.outcome(source, destination, self._was_running)
        for _attempt in range(_RESUMES):
            if end is not Outcome.TORN:
                break
            self._resume_post_copy()
            source, destination = self._settled()
            end = migration_job.outcome(source, destination, self._was_running)
        if end is Outcome.COMPLETED:
            return {"changed": True, **self._arrived(), **self._finish()}
        if end is Outcome.STAYED and (done.forced or self._was_running):
            self._unpause(source)
            source = self._source.side(self._uuid)
        raise self._failure(call, done, end, source, destination, last)

    def _settled(self) -> tuple[Side, Side]:
        """Return both sides, when libvirt has cleaned up after the migration."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            source, destination = self._source.side(self._uuid), self._received(self._destination.side(self._uuid))
            end = migration_job.outcome(source, destination, self._was_running)
            if end is Outcome.SWITCHED and source.is_active and destination.is_active:
                deadline = time.monotonic() + _SETTLE_S  # it takes as long as it takes
            is_clean = destination.known and destination.state is None
            failed = end is Outcome.ENDED or (end is Outcome.STAYED and (source.runs or source.is_suspended))
            settled = end in (Outcome.COMPLETED, Outcome.TORN) or (failed and is_clean)
            if settled or time.monotonic() > deadline:
                return source, destination
            time.sleep(_POLL_S)

    def _received(self, destination: Side) -> Side:
        """Return the destination's side as one of a guest that is whole, where nothing is being received any more."""
        import libvirt

        if destination.is_post_copy and not destination.is_broken_post_copy:
            # libvirt refuses statistics to whoever receives a guest, and need not forget that it came by post-copy.
            with suppress(libvirt.libvirtError, StackmoveError):
                domain = self._destination.find(self._uuid)
                if domain is not None and domain.jobStats().get("type") == libvirt.VIR_DOMAIN_JOB_NONE:
                    return replace(destination, reason=0)
        return destination

    def _resume_post_copy(self) -> None:
        """Go on with a post-copy migration of which the stream broke (VIR_MIGRATE_POSTCOPY_RESUME)."""
        import libvirt

        domain = self._source.find(self._uuid)
        if domain is None:
            return
        flags = migration_options.flags(self._options, bool(domain.isPersistent()), False, [])
        flags |= migration_options.POSTCOPY | migration_options.POSTCOPY_RESUME
        parameters = {"migrate_uri": self._options.migrate_uri} if self._options.migrate_uri else {}
        self._steps.append("post-copy broke: resume it")
        try:
            self._migrate(domain, parameters, flags)
        except libvirt.libvirtError as error:
            self._steps.append(f"it cannot be resumed: {error.get_error_message()}")
            time.sleep(_POLL_S)

    def _unpause(self, source: Side) -> None:
        import libvirt

        domain = self._source.find(self._uuid)
        if domain is None or not source.is_suspended:
            return
        try:
            domain.resume()
            self._steps.append("let the guest run again")
        except libvirt.libvirtError as error:
            self._steps.append(f"the guest stays paused: {error.get_error_message()}")

    def _failure(
        self,
        call: Call[None] | None,
        done: Done,
        end: Outcome,
        source: Side,
        destination: Side,
        last: Progress,
    ) -> MigrationError:
        code, cause, remedy = migration_failure.cause(call.error if call else None, done, last, self._begun)
        if self._is_stalled():
            cause += f" In the end {self._stall()}: see to the link between them."
        where, more = migration_failure.where(end, source, destination)
        left = self._clean(end, source, destination)
        error = MigrationError(
            f"migrate guest {self._called} to {self._options.destination_uri}",
            f"{cause} {where}{left}",
            more or remedy,
        )
        error.result = {
            "outcome": end.value,
            "libvirt_error": code,
            "source_state": source.words(),
            "destination_state": destination.words(),
            "steps": self._steps,
        }
        return error

    def _clean(self, end: Outcome, source: Side, destination: Side) -> str:
        """Remove our files at the destination, when the guest has its disks at the source; say what is left."""
        created = self._note.created(self._options.destination_uri)
        if not created:
            if end in (Outcome.STAYED, Outcome.ENDED):
                self._note.remove()
            return ""
        is_elsewhere = source.state is None or source.has_left
        if is_elsewhere or destination.state is not None or not destination.known:
            return f" Left at the destination: {', '.join(created)}."
        try:
            self._remove_created()
        except StackmoveError as error:
            return f" Left at the destination: {', '.join(created)}: {error}"
        return " The files made for it at the destination were removed."

    def _arrived(self) -> dict[str, Any]:
        """Return what the destination tells of a guest that has arrived."""
        import libvirt

        domain = self._destination.find(self._uuid)
        if domain is None:
            raise MigrationError(
                f"migrate guest {self._called}",
                f"it had arrived at {self._options.destination_uri}, and is not there any more.",
                "See who ended it: /var/log/libvirt/qemu there.",
            )
        stats: dict[str, Any] = {}
        with suppress(libvirt.libvirtError):  # only libvirtd remembers, and it may have been restarted
            stats = domain.jobStats(
                libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
            )
        side = self._destination.side(self._uuid)
        return {
            "uuid": self._uuid,
            "name": domain.name(),
            "destination": self._destination.connection().getHostname(),
            "destination_state": side.words(),
            "source_state": self._source.side(self._uuid).words(),
            "downtime_ms": stats.get("downtime"),
            "elapsed_ms": stats.get("time_elapsed"),
            "memory_sent_bytes": stats.get("memory_processed"),
            "iterations": stats.get("memory_iteration"),
            "steps": self._steps,
        }

    def _keep_autostart(self) -> None:
        """Have the destination start the guest with the host, as its source did: libvirt does not carry that over."""
        import libvirt

        try:
            domain = self._destination.find(self._uuid)
            if domain is not None and domain.isPersistent():
                domain.setAutostart(1)
        except (StackmoveError, libvirt.libvirtError) as error:
            self._steps.append(f"the destination does not start it with the host, set that there: {error}")


def job_stats(domain: libvirt.virDomain) -> dict[str, Any]:
    """Return the statistics of a guest's job, nothing where there is none to be had.

    libvirt refuses them between a job's phases, too (LP 1982284); whether it has ended is not judged by that.
    """
    import libvirt

    try:
        return domain.jobStats()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_INTERNAL_ERROR:
            return {"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED}
        return {}
