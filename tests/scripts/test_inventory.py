"""What is ours is found, and nothing else; whatever a script can make has a place in the list."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

from cloud.account import Account
from cloud.inventory import report
from cloud.inventory.items import Cost, Item
from cloud.inventory.kinds import KINDS, take

import boto3
import pytest

import moto_gaps
import zoo
from accounts import ACCOUNT, PROJECT, REGION

SCRIPTS = Path(__file__).parents[2] / "scripts"
MAKING = ("copy_", "create_", "put_", "register_", "run_", "start_", "upload_", "subscribe")
BY_SDK = {"ModelTrainer": "create_training_job",
          "HyperparameterTuner": "create_hyper_parameter_tuning_job"}
"""Classes of the SageMaker SDK that send for us."""


def _names_and_words(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {str(getattr(node, "attr", None) or getattr(node, "id", None) or getattr(
        node, "value", None)) for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name | ast.Constant)}


def test_whatever_a_script_can_make_is_in_the_inventory() -> None:
    words = set().union(*(_names_and_words(path) for path in SCRIPTS.rglob("*.py")
                          if path.name != "kinds.py"))
    session = boto3.Session("none", "none", region_name=REGION)
    services = words & {*session.get_available_services()}
    operations = {method for service in services for method in dir(session.client(service))
                  if method.startswith(MAKING)}
    makes = (words & operations) | {made for name, made in BY_SDK.items() if name in words}
    assert services > {"sagemaker", "cloudfront"}  # this test does see something
    assert makes == {operation for made_by in KINDS.values() for operation in made_by}


def test_one_of_each_is_found_in_the_order_of_removal(account: Account) -> None:
    zoo.build(account)
    kinds = [item.kind for item in take(account).items]
    assert kinds == sorted(kinds, key=list(KINDS).index)
    running = {"tuning job", "training job", "warm pool", "transform job", "processing job"}
    assert set(kinds) == set(KINDS) - running


def test_an_empty_account_has_nothing_of_ours(account: Account) -> None:
    inventory = take(account)
    assert inventory.items == [] and inventory.unseen == []


@pytest.mark.parametrize("project", [f"{PROJECT}-2", "sentiment"])
def test_another_project_with_a_name_alike_is_not_ours(account: Account, project: str) -> None:
    zoo.build(Account(project))
    assert take(account).items == []


@pytest.mark.parametrize("tags", [[], [{"Key": "project", "Value": "another"}]])
def test_what_has_our_very_name_and_not_our_tag_is_not_ours(
        account: Account, tags: list[dict[str, str]]) -> None:
    zoo.build(zoo.Stranger(tags))
    assert take(account).items == []


def test_what_has_no_tags_is_ours_by_its_endpoint_alone(account: Account) -> None:
    zoo.endpoint(account, f"{PROJECT}-a")
    zoo.endpoint(zoo.Stranger([]), f"{PROJECT}-a-b")
    untagged = {item.kind: item.name for item in take(account).items
                if item.kind in ("dashboard", "log group", "scalable target")}
    assert untagged == {"dashboard": f"{PROJECT}-a",
                        "log group": f"/aws/sagemaker/Endpoints/{PROJECT}-a",
                        "scalable target": f"endpoint/{PROJECT}-a/variant/main"}


def test_what_an_endpoint_left_when_it_deleted_itself_is_found(account: Account) -> None:
    zoo.endpoint(account, PROJECT)
    account.client("sagemaker").delete_endpoint(EndpointName=PROJECT)
    kinds = {item.kind for item in take(account).items}
    assert {"endpoint config", "model", "log group", "topic"} <= kinds


@pytest.mark.parametrize(("variant", "hour", "why"), [
    ({"InstanceType": "ml.m5.large", "InitialInstanceCount": 3}, 0.345, "3 x ml.m5.large"),
    ({"InstanceType": "ml.p2.xlarge", "InitialInstanceCount": 1}, None, "1 x ml.p2.xlarge"),
    ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}, 0.0,
     "serverless, 0.000040 USD a second of work")])
def test_an_endpoint_costs_what_its_variants_do(
        account: Account, variant: dict[str, object], hour: float | None, why: str) -> None:
    zoo.endpoint(account, PROJECT, variant)
    cost, = [item.cost for item in take(account).items if item.kind == "endpoint"]
    assert (cost.hour and pytest.approx(cost.hour), cost.why) == (hour, why)


def test_an_endpoint_ends_at_the_first_time_that_is_set(account: Account) -> None:
    zoo.endpoint(account, PROJECT)
    for name, at in {"": "2099-01-01T10:00:00", "-again": "2099-01-01T11:00:00"}.items():
        zoo.schedule(account, PROJECT, at, f"delete{name}")
    endpoint, = [item for item in take(account).items if item.kind == "endpoint"]
    assert endpoint.ends == datetime(2099, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(("what", "state"), [
    ("delete-alarms", "ENABLED"), ("delete-dashboard", "ENABLED"), ("delete", "DISABLED")])
def test_what_does_not_delete_the_endpoint_is_not_its_end(
        account: Account, what: str, state: str) -> None:
    zoo.endpoint(account, PROJECT)
    zoo.schedule(account, PROJECT, "2099-01-01T10:00:00", what)
    scheduler = account.client("scheduler")
    there = scheduler.get_schedule(GroupName=PROJECT, Name=f"{PROJECT}-{what}")
    scheduler.update_schedule(State=state, **{name: there[name] for name in (
        "Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")})
    endpoint, = [item for item in take(account).items if item.kind == "endpoint"]
    assert endpoint.ends is None


def test_what_was_made_for_an_endpoint_that_aws_refused_is_found(account: Account) -> None:
    cloudwatch = account.client("cloudwatch")
    zoo.alarm(account, f"{PROJECT}-main-errors", PROJECT, account.tags)
    cloudwatch.put_dashboard(DashboardName=PROJECT, DashboardBody='{"widgets": []}')
    assert [item.kind for item in take(account).items] == ["alarm", "dashboard"]


def test_running_jobs_and_warm_pools_cost_by_the_hour(
        account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    moto_gaps.close(monkeypatch)
    for name in ("job", "spot", "warm"):
        zoo.training_job(account, f"{PROJECT}-{name}")
    moto_gaps.start("TrainingJob", f"{PROJECT}-job")
    moto_gaps.start("TrainingJob", f"{PROJECT}-spot", enable_managed_spot_training=True)
    moto_gaps.start("TrainingJob", f"{PROJECT}-warm", training_job_status="Completed",
                    warm_pool_status={"Status": "Available"})
    zoo.processing_job(account, f"{PROJECT}-splits")
    moto_gaps.start("ProcessingJob", f"{PROJECT}-splits")
    found = {(item.kind, item.name): item.cost for item in take(account).items}
    assert found["processing job", f"{PROJECT}-splits"] == Cost(0.46, why="2 x ml.m5.xlarge")
    assert found["training job", f"{PROJECT}-job"] == Cost(0.736, why="1 x ml.g4dn.xlarge")
    assert "less on spot" in found["training job", f"{PROJECT}-spot"].why
    assert found["warm pool", f"{PROJECT}-warm"].hour == 0.736


def test_a_bucket_counts_every_version(account: Account) -> None:
    zoo.bucket(account)
    bucket, = [item for item in take(account).items if item.kind == "bucket"]
    assert bucket.state == "3 objects"
    assert bucket.cost.month == pytest.approx(3000 / 1e9 * 0.023)


def _item(kind: str, cost: Cost, **more: object) -> Item:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/some"
    return Item(kind, f"some {kind}", arn, None, cost=cost, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("costs", "said"), [
    ([Cost()], "nothing while nobody uses it"),
    ([Cost(month=0.1), Cost(month=3.0)], "about 3.10 USD a month"),
    ([Cost(0.115), Cost(0.23, 0.1)],
     "about 0.345 USD an hour; about 251.95 USD a month if all stays as it is"),
    ([Cost(0.115), Cost(None)],
     "about 0.115 USD an hour; about 83.95 USD a month if all stays as it is; besides, what some "
     "thing costs, see https://aws.amazon.com/sagemaker/pricing/")])
def test_the_total_is_by_the_hour_and_by_the_month(costs: list[Cost], said: str) -> None:
    assert report.total([_item("thing", cost) for cost in costs]) == said


@pytest.mark.parametrize(("ends", "said"), [
    (None, ["stays until somebody deletes it"]),
    (datetime(2026, 11, 20, 10, tzinfo=UTC), ["should have ended at 2026-11-20 10:00 UTC"]),
    (datetime(2026, 11, 20, 14, tzinfo=UTC), [])])
def test_an_endpoint_without_an_end_ahead_is_a_warning(
        ends: datetime | None, said: list[str]) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    warnings = report.warnings([_item("endpoint", Cost(), ends=ends)], now)
    assert [line.partition("some endpoint ")[2].partition(";")[0] for line in warnings] == said
