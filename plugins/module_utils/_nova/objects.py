# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON documents that Nova keeps in columns: flavors, migration context, network info, request spec.

Documents of versioned objects keep their names, versions and time formats: an older reader would
refuse a version that it does not know (``IncompatibleObjectVersion``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value

Document = dict[str, Any]

_NAME = "nova_object.name"
_DATA = "nova_object.data"
_CHANGES = "nova_object.changes"


def versioned(name: str, version: str, data: Document) -> Document:
    """A versioned object of Nova's, as it is stored."""
    return {
        _NAME: name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        _DATA: data,
    }


def flavor_data(flavor: Document) -> Document:
    """The fields of a stored ``Flavor`` object."""
    data: Document = flavor[_DATA]
    return data


def stored_flavors(text: str) -> Document:
    """``instance_extra.flavor``: ``{"cur": …, "old": …, "new": …}``.

    :raises UnsupportedError: the column does not hold that
    """
    try:
        flavors: Document = json.loads(text)
        flavor_data(flavors["cur"])
    except (TypeError, ValueError, KeyError) as error:
        raise UnsupportedError(
            "read instance_extra.flavor",
            f"it is not the document that Nova writes ({error!r}).",
            "Let nova-manage db online_data_migrations finish, or repair the row.",
        ) from error
    return flavors


def with_flavors(text: str, cur: Document, old: Document | None, new: Document | None) -> str:
    """``instance_extra.flavor`` with the given flavors and everything else as it was."""
    return json.dumps({**stored_flavors(text), "cur": cur, "old": old, "new": new})


def flavor_object(like: Document, row: Row, extra_specs: Mapping[str, str]) -> Document:
    """A ``Flavor`` object for a flavor of the API database, in the version of another stored one.

    :param like: a stored flavor of the same server: its version and its set of fields are kept
    :param row: the row of ``nova_api.flavors``
    :param extra_specs: its rows of ``flavor_extra_specs``
    """
    flavor = copy.deepcopy(like)
    flavor.pop(_CHANGES, None)
    data = flavor_data(flavor)
    for name in data:
        if name == "extra_specs":
            data[name] = dict(extra_specs)
        elif name in ("disabled", "is_public"):
            data[name] = bool(row[name])
        elif name in ("created_at", "updated_at"):
            value = row.get(name)
            data[name] = f"{value}Z".replace(" ", "T") if value else None
        elif name == "rxtx_factor":
            data[name] = float(str(row[name]))
        elif name == "deleted":
            data[name] = False
        elif name in ("deleted_at", "description"):
            data[name] = None
        elif name in row:
            data[name] = row[name]
    return flavor


def flavor_resources(flavor: Document, volume_backed: bool) -> dict[str, int]:
    """What a flavor claims of a compute node in Placement, ``resources:`` extra specs included.

    As ``nova.scheduler.utils.ResourceRequest`` counts it: a volume-backed server claims no root
    disk; swap is in MiB and rounded up to GiB.
    """
    data = flavor_data(flavor)
    swap_gib = -(-int(data.get("swap") or 0) // 1024)
    disk = int(data["ephemeral_gb"]) + swap_gib + (0 if volume_backed else int(data["root_gb"]))
    resources = {"VCPU": int(data["vcpus"]), "MEMORY_MB": int(data["memory_mb"]), "DISK_GB": disk}
    for key, value in (data.get("extra_specs") or {}).items():
        if key.startswith("resources:"):
            resources[key.split(":", 1)[1]] = int(value)
    return {name: amount for name, amount in resources.items() if amount}


def required_traits(flavor: Document) -> list[str]:
    """Traits which a flavor requires of the compute node (``trait:NAME=required``)."""
    specs = flavor_data(flavor).get("extra_specs") or {}
    return sorted(
        key.split(":", 1)[1] for key, value in specs.items() if key.startswith("trait:") and value == "required"
    )


def migration_context(server: str, migration_id: int) -> str:
    """A ``MigrationContext`` for a server without NUMA topology, PCI devices or claimed resources.

    Such servers are refused in preflight, so that there is nothing else to carry
    (``nova.compute.resource_tracker.ResourceTracker._move_claim``).
    """
    devices = versioned("PciDeviceList", "1.3", {"objects": []})
    requests = versioned("InstancePCIRequests", "1.1", {"instance_uuid": server, "requests": []})
    return json.dumps(
        versioned(
            "MigrationContext",
            "1.2",
            {
                "instance_uuid": server,
                "migration_id": migration_id,
                "old_numa_topology": None,
                "new_numa_topology": None,
                "old_pci_devices": devices,
                "new_pci_devices": devices,
                "old_pci_requests": requests,
                "new_pci_requests": requests,
                "old_resources": None,
                "new_resources": None,
            },
        )
    )


def migration_of_context(text: str) -> int | None:
    """The cell-local id of the migration that a ``MigrationContext`` belongs to; None where there is no context."""
    return int(json.loads(text)[_DATA]["migration_id"]) if text else None


def instance_sizes(flavor: Document) -> dict[str, Value]:
    """The columns of ``instances`` that follow from a flavor (``ComputeManager._set_instance_info``)."""
    data = flavor_data(flavor)
    names = ("memory_mb", "vcpus", "root_gb", "ephemeral_gb")
    return {"instance_type_id": data["id"], **{name: data[name] for name in names}}


def bound_network_info(text: str, bindings: Sequence[Mapping[str, Any]]) -> str:
    """``instance_info_caches.network_info`` with the details of the bindings that are now active.

    :param bindings: what the module ``port_bindings`` returns, one for each port
    """
    by_port = {binding["port_id"]: binding for binding in bindings}
    vifs = json.loads(text)
    for vif in vifs:
        binding = by_port.get(vif["id"])
        if binding:
            vif["type"] = binding["vif_type"]
            vif["details"] = binding["vif_details"]
            vif["profile"] = binding["profile"]
            vif["vnic_type"] = binding["vnic_type"]
            vif["active"] = True
    return json.dumps(vifs)


def request_spec_with_flavor(text: str, flavor: Document) -> str:
    """``request_specs.spec`` for another flavor; the API rewrites numa and pci requests from it."""
    spec = json.loads(text)
    spec[_DATA]["flavor"] = flavor
    return json.dumps(spec)


def request_spec_of(side: str, text: str, flavor: Document, context: str) -> str:
    """``request_specs.spec`` as on one side of a resize; unchanged where it has that flavor already.

    Nova's own revert puts the flavor and the NUMA topology back, and forgets the PCI requests.

    :param side: ``old`` is before the resize, ``new`` after it
    :param flavor: the one that the server has there
    :param context: its ``MigrationContext``, which keeps what it has there else; may be empty
    """
    spec = json.loads(text)
    data = spec[_DATA]
    if flavor_data(data["flavor"])["id"] == flavor_data(flavor)["id"]:
        return text
    data["flavor"] = flavor
    if context:
        kept = json.loads(context)[_DATA]
        data["numa_topology"] = kept[f"{side}_numa_topology"]
        if _requests(data.get("pci_requests")) != _requests(kept[f"{side}_pci_requests"]):
            data["pci_requests"] = kept[f"{side}_pci_requests"]
    return json.dumps(spec)


def _requests(requests: Document | None) -> list[Any]:
    """What is in an ``InstancePCIRequests``; that there is none is told as null or as an empty list."""
    return list(requests[_DATA]["requests"]) if requests else []


def requested_zone(text: str) -> str | None:
    """The availability zone of a ``RequestSpec``, if one was asked for."""
    zone: str | None = json.loads(text)[_DATA].get("availability_zone")
    return zone
