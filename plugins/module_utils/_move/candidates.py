# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts of other cells may take a server, and in which order: pure functions over what was read of them.

Nova's scheduler would decide by filters that its operator has enabled, which can't be seen from outside. What is
honoured here are those that a flavor, an aggregate, a server group or a user has asked for by name: such a wish is
there for one filter only, so that filter is meant to be on.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.stackmove.nova.plugins.module_utils._nova.aggregates import Metadata

#: Nova's default of ``[filter_scheduler]cross_cell_move_weight_multiplier``.
WEIGHT_MULTIPLIER = 1000000.0
_MULTIPLIER_KEY = "cross_cell_move_weight_multiplier"
_TENANT_KEY = "filter_tenant_id"
_SCOPE = "aggregate_instance_extra_specs:"

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": operator.contains,
}


@dataclass(frozen=True)
class Host:
    """A host of another cell on which Placement has room.

    :param metadata: of the host aggregates in which it is
    """

    name: str
    cell: str
    free_ram_mb: int = 0
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What the server and the operator ask of a host.

    :param zone: the availability zone that the server's user has asked for
    :param extra_specs: of the flavor that the server is going to have
    :param group_hosts: where the other members of its server group are, if those must be elsewhere
    :param exclude_hosts: which the operator does not want, or which have refused already
    :param weight_multiplier: where no aggregate has another
    """

    project_id: str
    zone: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    group_hosts: Sequence[str] = ()
    exclude_hosts: Sequence[str] = ()
    weight_multiplier: float = WEIGHT_MULTIPLIER


def in_order(hosts: Iterable[Host], request: Request) -> list[Host]:
    """The hosts as they are to be tried: by weight, then by free memory, then by name."""
    return sorted(hosts, key=lambda host: (-weight(host, request.weight_multiplier), -host.free_ram_mb, host.name))


def weight(host: Host, multiplier: float) -> float:
    """The weight of a host outside the server's cell (``nova.scheduler.weights.cross_cell.CrossCellWeigher``).

    Nova's weigher counts 1 for a host of the server's cell and -1 for others, times a multiplier. Aggregates may set
    another for their hosts: of several the smallest counts, and none if one isn't a number. A negative one makes a host
    welcome, so that its cell fills up and others are drained.
    """
    try:
        return -min((float(value) for value in host.metadata.get(_MULTIPLIER_KEY, ())), default=multiplier)
    except ValueError:
        return -multiplier


def refusal(host: Host, request: Request) -> str | None:
    """Why a host can't be taken, in a few words; None if nothing is known against it."""
    zones = _values(host, "availability_zone")
    tenants = {tenant for key in host.metadata if key.startswith(_TENANT_KEY) for tenant in _values(host, key)}
    if host.name in request.exclude_hosts:
        return "it is excluded"
    if request.zone and zones and request.zone not in zones:
        return f"it is in availability zone {', '.join(sorted(zones))}, and the server was booted into {request.zone}"
    if tenants and request.project_id not in tenants:
        return f"its aggregates keep it for other projects ({_TENANT_KEY})"
    if host.name in request.group_hosts:
        return "another member of the server's group is on it"
    for key, wanted in request.extra_specs.items():
        name = key[len(_SCOPE) :]
        if key.startswith(_SCOPE) and not any(matches(value, wanted) for value in _values(host, name)):
            return f"no aggregate of it has {name} {wanted}, which the flavor asks for"
    return None


def service_refusal(service: Mapping[str, object] | None, request: Request) -> str | None:
    """Why a host's nova-compute can't take the server; None if it can.

    :param service: as Nova's API shows it
    """
    if service is None or service["state"] != "up":
        return "its nova-compute is not up"
    if service["status"] != "enabled":
        return "its nova-compute is disabled"
    # Of a host whose aggregates name no zone, only Nova knows its default one.
    if request.zone and service["zone"] != request.zone:
        return f"it is in availability zone {service['zone']}, and the server was booted into {request.zone}"
    return None


def _values(host: Host, key: str) -> set[str]:
    """What a host's aggregates give a key; each may give several, separated by commas."""
    return {value.strip() for given in host.metadata.get(key, ()) for value in given.split(",")}


def matches(value: str, wanted: str) -> bool:
    """Tell whether an aggregate's value is what an extra spec wants: the same, or what an operator before it says.

    As ``nova.scheduler.filters.extra_specs_ops`` reads them: ``= 4`` (at least), ``s== text``, ``<in> part``,
    ``<all-in> one <all-in> other``, ``<or> one <or> other`` and so on.
    """
    words = wanted.split()
    first, rest = (words[0], words[1:]) if words else ("", [])
    if first == "<or>":
        return value in rest[::2]
    if first == "<all-in>":
        return all(word in value for word in rest[::2])
    if first in _TEXTS:
        return bool(rest) and _TEXTS[first](value, rest[0])
    if first in _NUMBERS:
        try:
            return bool(rest) and _NUMBERS[first](float(value), float(rest[0]))
        except ValueError:
            return False
    return value == wanted
