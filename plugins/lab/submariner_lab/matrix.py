"""The whole reach of a lab: every pod and host to every pod and ClusterIP of other clusters."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_lab.cluster import Cluster
from submariner_lab.lab import Lab
from submariner_lab.node import Node
from submariner_lab.packetfilter import POD_PORT, SERVICE_PORT
from submariner_lab.reach import Protocol, Unreached, ask

PARALLEL = 24
ATTEMPT = 1.5


class Relation(enum.StrEnum):
    """What asks what."""

    POD_TO_POD = "pods reach pods with their own address"
    HOST_TO_POD = "host-network processes reach pods with their node's CNI address"
    POD_TO_SERVICE = "pods reach the ClusterIP of other clusters"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to try. ``expected`` is the source address that the other side must see."""

    relation: Relation
    source: str
    netns: str
    address: IPv4Address
    port: int
    protocol: Protocol
    expected: IPv4Address
    server: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question; ``failure`` is empty when all is as it should be."""

    question: Question
    failure: str = ""


def questions(
    lab: Lab, protocols: Collection[Protocol] = (Protocol.TCP,), without: Collection[Node] = ()
) -> tuple[Question, ...]:
    """Everything there is to try across clusters, save from and to the nodes ``without``."""
    found = []
    for source_cluster in lab.clusters:
        for target_cluster in lab.clusters:
            if source_cluster is target_cluster:
                continue
            for source in source_cluster.nodes:
                if source not in without:
                    for protocol in protocols:
                        found += _from(source, target_cluster, protocol, without)
    return tuple(found)


def _from(
    source: Node, cluster: Cluster, protocol: Protocol, without: Collection[Node]
) -> list[Question]:
    site = source.site
    pod = (f"pod of {site.name}", site.pod_netns, site.pod_address)
    host = (f"host {site.name}", site.netns, site.cni_address)
    found = []
    for target in cluster.nodes:
        if target not in without:
            address, server = target.site.pod_address, f"pod of {target.site.name}"
            for relation, (name, netns, own) in (
                (Relation.POD_TO_POD, pod),
                (Relation.HOST_TO_POD, host),
            ):
                found.append(
                    Question(relation, name, netns, address, POD_PORT, protocol, own, server)
                )
    backend = cluster.site.backend
    if all(node.site != backend for node in without):
        found.append(
            Question(
                Relation.POD_TO_SERVICE, pod[0], pod[1], cluster.site.cluster_ip, SERVICE_PORT,
                protocol, pod[2], f"pod of {backend.name}",
            )
        )  # fmt: skip
    return found


async def try_all(asked: Collection[Question], timeout: float = 10.0) -> tuple[Answer, ...]:
    """Every question, each repeated until it is answered rightly or time is up."""
    gate = asyncio.Semaphore(PARALLEL)
    deadline = asyncio.get_running_loop().time() + timeout
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_try(question, gate, deadline)) for question in asked]
    return tuple(task.result() for task in tasks)


async def _try(question: Question, gate: asyncio.Semaphore, deadline: float) -> Answer:
    loop = asyncio.get_running_loop()
    while True:
        async with gate:
            failure = await _attempt(question)
        if not failure or loop.time() > deadline:
            return Answer(question, failure)
        await asyncio.sleep(0.2)


async def _attempt(question: Question) -> str:
    try:
        seen = await ask(
            question.netns, question.address, question.port, question.protocol, ATTEMPT
        )
    except Unreached as error:
        return f"{question.source}: {error}"
    # Which address a service's pod sees is the affair of the target's own kube-proxy.
    if question.relation is not Relation.POD_TO_SERVICE and seen.peer != question.expected:
        return (
            f"{question.source} -> {question.server}: seen as {seen.peer},"
            f" expected {question.expected}"
        )
    if seen.server != question.server:
        return f"{question.source}: answered by {seen.server}, expected {question.server}"
    return ""
