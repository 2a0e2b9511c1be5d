# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects
from ansible_collections.stackmove.nova.plugins.module_utils._nova.rows import Rows
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView

MEDIUM: dict[str, Any] = {
    "id": 3,
    "name": "m1.medium",
    "flavorid": "3",
    "memory_mb": 1024,
    "vcpus": 2,
    "root_gb": 10,
    "ephemeral_gb": 0,
    "swap": 0,
    "vcpu_weight": 0,
    "rxtx_factor": "1.5",
    "disabled": 0,
    "is_public": 1,
    "description": "never stored with a server",
    "created_at": "2026-11-01 12:00:00",
    "updated_at": None,
}


def stored(view: CellView) -> dict[str, Any]:
    return objects.stored_flavors(str(view.extra["flavor"] if view.extra else ""))


def flavor(**data: Any) -> dict[str, Any]:
    sizes = {"vcpus": 1, "memory_mb": 512, "root_gb": 5, "ephemeral_gb": 0, "swap": 0, "extra_specs": {}}
    return objects.versioned("Flavor", "1.2", {**sizes, **data})


def test_the_flavors_of_a_server(view: CellView) -> None:
    flavors = stored(view)
    assert objects.flavor_data(flavors["cur"])["name"] == "m1.nano"
    assert (flavors["old"], flavors["new"]) == (None, None)


@pytest.mark.parametrize("text", ["", "None", "null", "{}", '{"cur": {}}', '{"cur": null}'])
def test_a_column_without_flavors_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="read instance_extra"):
        objects.stored_flavors(text)


def test_new_flavors_leave_the_rest_of_the_document_alone(view: CellView) -> None:
    text = json.dumps({**stored(view), "future": 1})
    cur = stored(view)["cur"]
    assert json.loads(objects.with_flavors(text, cur, cur, None)) == {"cur": cur, "old": cur, "new": None, "future": 1}


def test_a_flavor_of_the_api_takes_the_form_of_the_stored_one(view: CellView) -> None:
    like = stored(view)["cur"]
    made = objects.flavor_object(like, MEDIUM, {"hw_rng:allowed": "True"})
    assert {key: made[key] for key in like if key != "nova_object.data"} == {
        key: value for key, value in like.items() if key != "nova_object.data"
    }
    data = objects.flavor_data(made)
    assert set(data) == set(objects.flavor_data(like))
    assert data == {
        **{key: MEDIUM[key] for key in ("id", "name", "flavorid", "memory_mb", "vcpus", "root_gb", "ephemeral_gb")},
        "swap": 0,
        "vcpu_weight": 0,
        "rxtx_factor": 1.5,
        "disabled": False,
        "is_public": True,
        "extra_specs": {"hw_rng:allowed": "True"},
        "created_at": "2026-11-01T12:00:00Z",
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
        "description": None,
    }


def test_an_old_server_gets_no_field_that_its_flavor_had_not(view: CellView) -> None:
    like = stored(view)["cur"]
    del objects.flavor_data(like)["is_public"]
    like["nova_object.version"], like["nova_object.changes"] = "1.1", ["name"]
    made = objects.flavor_object(like, MEDIUM, {})
    assert "is_public" not in objects.flavor_data(made)
    assert made["nova_object.version"] == "1.1"
    assert "nova_object.changes" not in made


@pytest.mark.parametrize(
    ("data", "volume_backed", "resources"),
    [
        ({}, False, {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 5}),
        ({}, True, {"VCPU": 1, "MEMORY_MB": 512}),
        ({"ephemeral_gb": 2, "swap": 1}, False, {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 8}),
        ({"swap": 1024}, True, {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}),
        ({"swap": 1025}, True, {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 2}),
        ({"swap": ""}, True, {"VCPU": 1, "MEMORY_MB": 512}),
        (
            {"extra_specs": {"resources:VCPU": "0", "resources:CUSTOM_BAREMETAL": "1"}},
            True,
            {"MEMORY_MB": 512, "CUSTOM_BAREMETAL": 1},
        ),
        ({"extra_specs": {"hw:cpu_policy": "shared", "trait:X": "required"}}, True, {"VCPU": 1, "MEMORY_MB": 512}),
        ({"extra_specs": None}, True, {"VCPU": 1, "MEMORY_MB": 512}),
    ],
)
def test_what_a_flavor_claims(data: dict[str, Any], volume_backed: bool, resources: dict[str, int]) -> None:
    assert objects.flavor_resources(flavor(**data), volume_backed) == resources


def test_required_traits() -> None:
    specs = {"trait:B": "required", "trait:A": "required", "trait:C": "forbidden", "hw:x": "required"}
    assert objects.required_traits(flavor(extra_specs=specs)) == ["A", "B"]


def test_a_migration_context_names_the_cells_own_migration() -> None:
    context = json.loads(objects.migration_context("uuid", 7))
    assert (context["nova_object.name"], context["nova_object.version"]) == ("MigrationContext", "1.2")
    data = context["nova_object.data"]
    assert (data["instance_uuid"], data["migration_id"]) == ("uuid", 7)
    requests = objects.versioned("InstancePCIRequests", "1.1", {"instance_uuid": "uuid", "requests": []})
    assert data["old_pci_requests"] == data["new_pci_requests"] == requests
    assert data["old_pci_devices"]["nova_object.data"] == {"objects": []}


def test_the_network_info_after_a_move_tells_of_the_new_binding(web1: Rows) -> None:
    text = str(web1["instance_info_caches"][0]["network_info"])
    (before,) = json.loads(text)
    binding = {
        "port_id": before["id"],
        "host": "dst",
        "vif_type": "ovs",
        "vif_details": {"bridge_name": "br-int"},
        "vnic_type": "normal",
        "profile": {"a": 1},
    }
    (after,) = json.loads(objects.bound_network_info(text, [binding]))
    assert after == {**before, "type": "ovs", "details": {"bridge_name": "br-int"}, "profile": {"a": 1}, "active": True}


def test_a_port_without_a_new_binding_stays_as_it_is(web1: Rows) -> None:
    text = str(web1["instance_info_caches"][0]["network_info"])
    assert json.loads(objects.bound_network_info(text, [])) == json.loads(text)
    assert objects.bound_network_info("[]", []) == "[]"


def test_a_request_spec_for_another_flavor_is_otherwise_the_same() -> None:
    spec = objects.versioned("RequestSpec", "1.14", {"flavor": flavor(name="old"), "num_instances": 1, "retry": None})
    new = flavor(name="new")
    found = json.loads(objects.request_spec_with_flavor(json.dumps(spec), new))
    assert found == {**spec, "nova_object.data": {"flavor": new, "num_instances": 1, "retry": None}}


def requests(*found: str) -> dict[str, Any]:
    return objects.versioned("InstancePCIRequests", "1.1", {"instance_uuid": "uuid", "requests": list(found)})


@pytest.mark.parametrize(
    ("has", "had", "wanted"),
    [
        (None, requests(), None),
        (requests(), requests(), requests()),
        (requests("gpu"), requests(), requests()),
        (requests("gpu"), None, None),
        (None, requests("gpu"), requests("gpu")),
        (requests("gpu"), requests("nic"), requests("nic")),
    ],
)
def test_the_pci_requests_before_a_resize(has: Any, had: Any, wanted: Any) -> None:
    data = {"flavor": flavor(id=9), "numa_topology": {"new": 1}, "pci_requests": has}
    context = objects.versioned("MigrationContext", "1.2", {"old_numa_topology": {"old": 1}, "old_pci_requests": had})
    text = json.dumps(objects.versioned("RequestSpec", "1.14", data))
    found = json.loads(objects.request_spec_of("old", text, flavor(id=1), json.dumps(context)))["nova_object.data"]
    assert found == {"flavor": flavor(id=1), "numa_topology": {"old": 1}, "pci_requests": wanted}


def test_a_request_spec_of_the_same_flavor_is_what_it_was() -> None:
    text = json.dumps(objects.versioned("RequestSpec", "1.14", {"flavor": flavor(id=1), "numa_topology": {"x": 1}}))
    assert objects.request_spec_of("old", text, flavor(id=1), "") == text


def test_the_migration_of_a_context() -> None:
    assert objects.migration_of_context(objects.migration_context("uuid", 7)) == 7
    assert objects.migration_of_context("") is None
