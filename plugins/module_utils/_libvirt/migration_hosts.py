# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two libvirts of a live migration, either of which may be restarted or unreachable meanwhile."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError, StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect, refused
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Side

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")

# As libvirtd has them for peer-to-peer migrations: a host that is silent for 30 s is given up.
_KEEPALIVE_INTERVAL_S = 5
_KEEPALIVE_COUNT = 5
_ANSWER_S = 40.0


class Call(threading.Thread, Generic[T]):
    """A call that may take long, or never come back."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.ended = threading.Event()
        self._results: list[T] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Do the work, in a thread of its own."""
        try:
            self._results.append(self._work())
        except Exception as error:  # whoever waits for the call judges it
            self.error = error
        finally:
            self.ended.set()

    def result(self) -> T:
        """Return what the call has returned, or raise what it has raised, once it has ended."""
        if self.error is not None:
            raise self.error
        return self._results[0]


def keep_alive() -> None:
    """Have libvirt's client notice hosts that are silent: it needs an event loop, before the first connection."""
    import libvirt

    libvirt.virEventRegisterDefaultImpl()

    def serve() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=serve, daemon=True).start()


class Host:
    """A host's libvirt, connected to again when it was lost.

    :param uri: how it is reached from here
    :param stack: closes the connections in the end
    """

    def __init__(self, uri: str, stack: ExitStack) -> None:
        self.uri = uri
        self._stack = stack
        self._connection: libvirt.virConnect | None = None

    def connection(self) -> libvirt.virConnect:
        """Return an open connection.

        :raises StackmoveError: when libvirt does not answer
        """
        import libvirt

        if self._connection is not None:
            with suppress(libvirt.libvirtError):
                if self._connection.isAlive():
                    return self._connection
        call = Call(self._open)
        if not call.ended.wait(_ANSWER_S):
            raise StackmoveError(
                f"connect to libvirt at {self.uri}",
                f"it does not answer within {_ANSWER_S:.0f} seconds.",
                "See that the host is up and reached from here.",
            )
        self._connection = call.result()
        return self._connection

    def _open(self) -> libvirt.virConnect:
        import libvirt

        connection = self._stack.enter_context(connect(self.uri))
        with suppress(libvirt.libvirtError):  # a libvirt in this process needs none
            connection.setKeepAlive(_KEEPALIVE_INTERVAL_S, _KEEPALIVE_COUNT)
        return connection

    def find(self, guest: str) -> libvirt.virDomain | None:
        """Return a guest, or None when it is not there.

        :raises StackmoveError: when libvirt does not answer
        """
        import libvirt

        try:
            return self.connection().lookupByUUIDString(guest)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise refused(f"look for guest {guest} at {self.uri}", error) from error

    def side(self, guest: str) -> Side:
        """Return how a guest is here; nobody being there to be asked is an answer."""
        import libvirt

        try:
            domain = self.find(guest)
            return Side() if domain is None else Side(*domain.state())
        except libvirt.libvirtError as error:
            return Side(known=error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN)
        except StackmoveError:
            return Side(known=False)


def uuid_of(domain: str, places: Sequence[tuple[Host, str]]) -> str:
    """Return the uuid of a guest that is given by its uuid or name.

    :param places: where it may be, and under which name; the first where it is counts
    :raises NotFoundError: when it is in none of them
    """
    import libvirt

    try:
        return str(uuid.UUID(domain))
    except ValueError:
        for host, name in places:
            try:
                return host.connection().lookupByName(name).UUIDString()
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise refused(f"look for guest {name} at {host.uri}", error) from error
    raise NotFoundError(
        f"find guest {domain}",
        f"there is neither {' nor '.join(f'{name} at {host.uri}' for host, name in places)}.",
        "See virsh list --all, on each host.",
    )
