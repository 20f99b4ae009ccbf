"""All kinds of things that the scripts make, in the order in which they must be removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from cloud.account import Account
from cloud.errors import explain
from cloud.hosting.expiry import ENDING
from cloud.inventory import holding, hosting, jobs, watching
from cloud.inventory.items import Item

from botocore.exceptions import ClientError, EndpointConnectionError

KINDS = {
    # What costs by the hour goes first.
    "tuning job": ("create_hyper_parameter_tuning_job",),
    "training job": ("create_training_job",),
    "warm pool": ("create_training_job",),
    "transform job": ("create_transform_job",),
    "processing job": ("create_processing_job",),
    "scalable target": ("register_scalable_target", "put_scaling_policy"),
    "endpoint": ("create_endpoint",),
    "model": ("create_model",),
    # After the endpoint: as long as that stands, its end must stay arranged.
    "schedule": ("create_schedule",),
    "schedule group": ("create_schedule_group",),
    "alarm": ("put_metric_alarm",),
    "dashboard": ("put_dashboard",),
    "topic": ("create_topic", "subscribe"),
    "page stack": ("create_change_set", "create_invalidation"),
    # After those who write into them.
    "log group": (),
    "log stream": (),
    "image repository": ("create_repository", "put_lifecycle_policy", "put_image"),
    "bucket": ("create_bucket", "put_bucket_tagging", "put_bucket_policy",
               "put_public_access_block", "put_object", "copy_object", "upload_file",
               "upload_fileobj"),
    # After what has no tags and is known by its endpoint's name, or its job's.
    "endpoint config": ("create_endpoint_config",),
    "finished tuning job": (),
    "finished training job": (),
    "finished processing job": (),
    "finished transform job": (),
    # The scheduler and SageMaker need their roles to the end.
    "roles stack": ("create_change_set",),
}
"""Each kind with the operations of the scripts that make it or a part of it."""

_Tagged = Callable[[Account], Iterator[Item]]
ENDPOINTS = "endpoints"
_OWNERS: dict[str, _Tagged] = {ENDPOINTS: hosting.find, "jobs": jobs.find}
_TAGGED: dict[str, _Tagged] = {
    "schedules": watching.schedules, "alarms": watching.alarms, "topics": watching.topics,
    "images": holding.repositories, "the bucket": holding.buckets,
    "the page": holding.page_stacks, "roles": holding.role_stacks}
_UNTAGGED: dict[str, Callable[[Account, set[str]], Iterator[Item]]] = {
    "scaling": hosting.scaling, "alarms of scaling": watching.scaling_alarms,
    "dashboards": watching.dashboards, "logs": watching.logs}
"""Recognised by the name of the tagged endpoint or job that they belong to."""


@dataclass(frozen=True)
class Inventory:
    """What was found."""

    items: list[Item]
    """In the order of `KINDS`."""
    owners: set[str]
    """Names of our endpoints and jobs."""
    unseen: list[str]
    """Why some of it could not be looked at: a kind and a reason each."""


def take(account: Account, known: Collection[str] = ()) -> Inventory:
    """Look for everything of ours in a Region; sends nothing that changes anything.

    Args:
        account: whose things, by its project's name.
        known: endpoints and jobs that are gone, and may have left something without a tag.

    Raises:
        NoCredentialsError, ClientError: nobody has signed in.
    """
    account.id  # noqa: B018 - refused here, once, if nobody has signed in
    items: list[Item] = []
    unseen: list[str] = []

    def gather(what: str, found: Iterator[Item]) -> None:
        try:
            items.extend(found)
        except (ClientError, EndpointConnectionError) as error:
            unseen.append(f"{what}: {explain(error, account.project)}")

    for what, find in _OWNERS.items():
        gather(what, find(account))
    owners = {item.owner for item in items if item.owner} | set(known)
    for what, find in _TAGGED.items():
        gather(what, find(account))
    # An endpoint that AWS refused to make has left alarms, and a dashboard without a tag.
    owners |= {item.owner for item in items if item.kind == "alarm" and item.owner}
    for what, find_of in _UNTAGGED.items():
        gather(what, find_of(account, owners))
    ends = sorted((item.ends, item.owner) for item in items if item.kind == "schedule"
                  and item.ends and item.name in {f"{item.owner}-{what}" for what in ENDING})
    items = [replace(item, ends=next((when for when, owner in ends if owner == item.name), None))
             if item.kind == "endpoint" else item for item in items]
    order = list(KINDS)
    return Inventory(sorted(items, key=lambda item: order.index(item.kind)), owners, unseen)
