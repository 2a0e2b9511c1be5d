# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Placement: what the server and its move use of which host.

While a server is between two hosts it uses both: what it has on the source is accounted to a consumer of its own,
named by the migration's uuid, and the server's consumer has the destination's. So does Nova
(``nova.conductor.tasks.migrate``), which is why it can confirm our moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import Json, call, reason
from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

#: Generations of consumers since 1.28; types of consumers, which Nova 26 doesn't set either, since 1.38.
ALLOCATION_VERSION = "1.28"
#: ``in_tree`` of allocation candidates.
CANDIDATE_VERSION = "1.31"
#: Nova's default of ``[scheduler]max_placement_results``.
MAX_CANDIDATES = 1000
_ATTEMPTS = 5

#: Amounts by resource class, by provider's uuid.
Allocations = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Consumer:
    """A consumer as Placement knows it; `generation` is None while it has no allocations."""

    uuid: str
    allocations: Allocations = field(default_factory=dict)
    generation: int | None = None
    project_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Owner:
    """To whom Placement accounts what a consumer uses."""

    project_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Claim:
    """What the server is to have at its destination.

    :param provider: the destination's; empty where any will do
    """

    provider: str
    resources: Mapping[str, int]
    required_traits: Sequence[str] = ()

    def met_by(self, allocations: Allocations) -> bool:
        """Tell whether allocations are on this provider and amount to these resources."""
        return self.provider in allocations and total(allocations) == _nonzero(self.resources)


@dataclass(frozen=True)
class AllocationPlan:
    """What the two consumers have to become; None leaves a consumer as it is.

    `needs_claim` asks for the server's allocations to be chosen among Placement's candidates.
    """

    server: Allocations | None = None
    migration: Allocations | None = None
    needs_claim: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.server is None and self.migration is None and not self.needs_claim


def total(allocations: Allocations) -> dict[str, int]:
    """Sum up allocations over their providers."""
    result: dict[str, int] = {}
    for resources in allocations.values():
        for resource, amount in resources.items():
            result[resource] = result.get(resource, 0) + amount
    return result


def amounts(given: Mapping[str, object]) -> dict[str, int]:
    """Read amounts by resource class as a playbook gives them, numbers or their digits.

    :raises StackmoveError: one isn't a whole number
    """
    result: dict[str, int] = {}
    for resource, amount in given.items():
        text = str(amount)
        if not text.isdigit():
            raise StackmoveError(f"claim {resource}", f"{text} isn't a whole number.", "Correct the resources.")
        result[resource] = int(text)
    return result


def _nonzero(resources: Mapping[str, int]) -> dict[str, int]:
    """Leave out what Placement refuses to hear of: amounts of 0."""
    return {resource: amount for resource, amount in resources.items() if amount}


# Observe


def consumer(conn: Connection, uuid: str) -> Consumer:
    """Read a consumer; one that Placement doesn't know has no allocations.

    :raises ApiError: Placement refused
    """
    answer = call(
        conn,
        "placement",
        "GET",
        f"/allocations/{uuid}",
        microversion=ALLOCATION_VERSION,
        what=f"read the allocations of consumer {uuid}",
    ).json()
    return Consumer(
        uuid,
        {provider: dict(entry["resources"]) for provider, entry in answer["allocations"].items()},
        answer.get("consumer_generation"),
        answer.get("project_id"),
        answer.get("user_id"),
    )


def provider(conn: Connection, uuid: str) -> Json:
    """Return name, generation, inventories, usages, traits and aggregates of a resource provider.

    :raises NotFoundError: there is no such provider
    :raises ApiError: Placement refused
    """
    what = f"read resource provider {uuid}"

    def get(path: str) -> Json:
        answer = call(
            conn,
            "placement",
            "GET",
            f"/resource_providers/{uuid}{path}",
            microversion=CANDIDATE_VERSION,
            what=what,
            accept=(404,),
        )
        if answer.status_code == 404:
            raise NotFoundError(
                what, "there is no such provider.", "It is the uuid of the host's row in compute_nodes, if that is up."
            )
        found: Json = answer.json()
        return found

    root = get("")
    return {
        "uuid": uuid,
        "name": root["name"],
        "generation": root["generation"],
        "inventories": get("/inventories")["inventories"],
        "usages": get("/usages")["usages"],
        "traits": sorted(get("/traits")["traits"]),
        "aggregates": get("/aggregates")["aggregates"],
    }


def candidate(conn: Connection, claim: Claim) -> Allocations | None:
    """Return the first of Placement's candidates for a claim, or None when the provider can't satisfy it.

    :raises ApiError: Placement refused, e.g. because there is no such resource class
    """
    for request in _candidates(conn, claim, 1)["allocation_requests"]:
        return {uuid: dict(entry["resources"]) for uuid, entry in request["allocations"].items()}
    return None


def providers_with_room(conn: Connection, claim: Claim) -> list[str]:
    """Return the root providers, which are compute nodes, of Placement's candidates for a claim on any of them.

    Placement knows no cells, so the candidates are of all of them; as many as Nova's scheduler asks for.

    :raises ApiError: Placement refused
    """
    summaries = _candidates(conn, claim, MAX_CANDIDATES)["provider_summaries"]
    return sorted({str(summary["root_provider_uuid"]) for summary in summaries.values()})


def _candidates(conn: Connection, claim: Claim, limit: int) -> Json:
    params: dict[str, str | int] = {
        "resources": ",".join(f"{name}:{amount}" for name, amount in sorted(_nonzero(claim.resources).items())),
        "limit": limit,
    }
    if claim.provider:
        params["in_tree"] = claim.provider
    if claim.required_traits:
        params["required"] = ",".join(sorted(claim.required_traits))
    answer = call(
        conn,
        "placement",
        "GET",
        "/allocation_candidates",
        params=params,
        microversion=CANDIDATE_VERSION,
        what=f"find room on resource provider {claim.provider}" if claim.provider else "find a host with room",
        remedy="Check the flavor's resources and traits.",
    )
    found: Json = answer.json()
    return found


# Plan


def shortages(claim: Claim, found: Json) -> list[str]:
    """Say what a provider lacks for a claim, each in a few words; empty when it lacks nothing by itself.

    :param found: what :func:`provider` returned
    """
    missing: list[str] = []
    for resource, wanted in sorted(_nonzero(claim.resources).items()):
        inventory = found["inventories"].get(resource)
        if inventory is None:
            missing.append(f"{resource}: wanted {wanted}, the provider has none")
            continue
        capacity = int((inventory["total"] - inventory["reserved"]) * inventory["allocation_ratio"])
        free = capacity - int(found["usages"].get(resource, 0))
        if wanted > free:
            missing.append(f"{resource}: wanted {wanted}, free {max(free, 0)}")
        elif wanted > inventory["max_unit"]:
            missing.append(f"{resource}: wanted {wanted}, at most {inventory['max_unit']} for one server")
        elif wanted < inventory["min_unit"] or wanted % inventory["step_size"]:
            missing.append(
                f"{resource}: wanted {wanted}, given from {inventory['min_unit']} in steps of {inventory['step_size']}"
            )
    for trait in claim.required_traits:
        if trait.startswith("!"):
            if trait[1:] in found["traits"]:
                missing.append(f"trait {trait[1:]} is there, and forbidden")
        elif trait not in found["traits"]:
            missing.append(f"trait {trait} is missing")
    return missing


def plan_allocations(state: str, server: Consumer, migration: Consumer, claim: Claim | None) -> AllocationPlan:
    """Decide what the consumers of a server and of its move become.

    :param state: V(moved): the migration has the source's, the server the destination's;
        V(restored): the server has the migration's again, which has none; V(released): the migration has none
    :param claim: needed for V(moved)
    :raises ConflictError: neither has anything, or the server is at its destination already
    """
    if state == "released":
        return AllocationPlan(migration={}) if migration.allocations else AllocationPlan()
    if state == "restored":
        if migration.allocations:
            return AllocationPlan(server=migration.allocations, migration={})
        if not server.allocations:
            raise _nothing_left(server, migration)
        return AllocationPlan()
    if claim is None:
        raise StackmoveError(
            f"claim resources for server {server.uuid}", "no provider was given.", "Set destination_provider."
        )
    if migration.allocations:
        return AllocationPlan(needs_claim=not claim.met_by(server.allocations))
    if not server.allocations:
        raise _nothing_left(server, migration)
    if claim.provider in server.allocations:
        raise ConflictError(
            f"move the allocations of server {server.uuid}",
            f"it has those of provider {claim.provider} already, and its migration {migration.uuid} has none.",
            "It runs there, or another migration has moved it: see openstack server migration list.",
        )
    return AllocationPlan(migration=server.allocations, needs_claim=True)


def _nothing_left(server: Consumer, migration: Consumer) -> ConflictError:
    return ConflictError(
        f"find the allocations of server {server.uuid}",
        f"neither it nor its migration {migration.uuid} has any.",
        f"Repair them: nova-manage placement heal_allocations --instance {server.uuid}.",
    )


def payload(plan: AllocationPlan, server: Consumer, migration: Consumer, owner: Owner) -> Json:
    """Make the body of the one ``POST /allocations`` which carries out a plan.

    The generations let Placement refuse (409) when somebody else has changed a consumer since it was read.

    :param owner: for a consumer that Placement doesn't know, when it doesn't know the other one either
    """
    known = server if server.project_id else migration
    return {
        found.uuid: {
            "allocations": {provider: {"resources": amounts} for provider, amounts in wanted.items()},
            "consumer_generation": found.generation,
            "project_id": found.project_id or known.project_id or owner.project_id,
            "user_id": found.user_id or known.user_id or owner.user_id,
        }
        for found, wanted in ((server, plan.server), (migration, plan.migration))
        if wanted is not None
    }


# Apply


@dataclass(frozen=True)
class Outcome:
    """The two consumers' allocations, by V(server) and V(migration), before and after."""

    before: dict[str, Allocations]
    after: dict[str, Allocations]

    @property
    def changed(self) -> bool:
        """Whether anything is different."""
        return self.before != self.after

    def describe(self) -> list[str]:
        """Say what is different, a sentence for each consumer."""
        return [
            f"set the {name}'s allocations to {_words(self.after[name])}"
            for name in self.after
            if self.before[name] != self.after[name]
        ]


def _words(allocations: Allocations) -> str:
    described = [
        f"{', '.join(f'{amount} {resource}' for resource, amount in sorted(resources.items()))} of provider {uuid}"
        for uuid, resources in sorted(allocations.items())
    ]
    return "; ".join(described) or "none"


def settle(
    conn: Connection,
    state: str,
    uuids: tuple[str, str],
    claim: Claim | None,
    owner: Owner,
    dry_run: bool,
) -> Outcome:
    """Take the consumers of a server and its migration to `state`, in one request.

    It begins again, up to 5 times, when somebody else was faster (409), as Nova does.

    :param uuids: the server's and the migration's
    :param owner: for a consumer that Placement doesn't know
    :param dry_run: read and plan only
    :raises StackmoveError: the provider has no room
    :raises ConflictError: see :func:`plan_allocations`
    :raises ApiError: Placement refused
    """
    refusal = ""
    for _attempt in range(_ATTEMPTS):
        server, migration = (consumer(conn, uuid) for uuid in uuids)
        plan = plan_allocations(state, server, migration, claim)
        if plan.needs_claim and claim is not None:
            plan = replace(plan, server=_room(conn, claim))
        outcome = Outcome(
            {"server": server.allocations, "migration": migration.allocations},
            {
                "server": server.allocations if plan.server is None else plan.server,
                "migration": migration.allocations if plan.migration is None else plan.migration,
            },
        )
        if not outcome.changed or dry_run:
            return outcome
        answer = call(
            conn,
            "placement",
            "POST",
            "/allocations",
            json=payload(plan, server, migration, owner),
            microversion=ALLOCATION_VERSION,
            what=f"write the allocations of server {server.uuid} and its migration {migration.uuid}",
            accept=(409,),
            repeatable=True,  # when it was carried out, the generations in it are those of the past
        )
        if answer.status_code < 400:
            return outcome
        refusal = reason(answer)
    raise ConflictError(
        f"write the allocations of server {uuids[0]} and its migration {uuids[1]}",
        f"they changed {_ATTEMPTS} times between reading and writing. {refusal}",
        "Run again when nothing else moves or resizes this server.",
    )


def _room(conn: Connection, claim: Claim) -> Allocations:
    """Choose the server's allocations at its destination.

    :raises StackmoveError: there is no candidate; it says what the provider lacks
    """
    found = candidate(conn, claim)
    if found is not None:
        return found
    host = provider(conn, claim.provider)
    lacking = shortages(claim, host) or ["Placement offers no candidate, though each resource by itself would fit"]
    raise StackmoveError(
        f"claim resources on {host['name']} (provider {claim.provider})",
        "; ".join(lacking) + ".",
        "Choose another destination or flavor, or move servers away from it first.",
    )
