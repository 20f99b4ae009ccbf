"""What the SageMaker SDK makes of its arguments, as scripts/ depend on it: its requests to AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from cloud.account import Account

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import (
    CategoricalParameter,
    ContinuousParameter,
    IntegerParameter,
)
from sagemaker.core.shapes import Tag
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    MetricDefinition,
    Networking,
    OutputDataConfig,
    StoppingCondition,
)
from sagemaker.core.transformer import Transformer
from sagemaker.train.model_trainer import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from accounts import ACCOUNT, BUCKET, PROJECT, REGION
from contract.inputs.hyperparameters import resolve
from contract.training import describe
from plug import ALGORITHM

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}:cpu"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-training"
TRAIN = f"s3://{BUCKET}/data/train"
INSTANCE = "ml.c5.xlarge"
METRICS: Any = describe(ALGORITHM)["metric_definitions"]
NAMES = (f"{PROJECT}-{number}" for number in itertools.count())
"""For jobs. The SDK's own names change only every second, and those of tuning every minute."""
NO_TELEMETRY = {"SchemaVersion": "1.0",
                "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}

SPOT = {"compute": Compute(instance_type=INSTANCE, instance_count=1,
                           enable_managed_spot_training=True),
        "stopping_condition": StoppingCondition(max_runtime_in_seconds=3600,
                                                max_wait_time_in_seconds=7200),
        "checkpoint_config": CheckpointConfig(s3_uri=f"s3://{BUCKET}/checkpoints")}
SPOT_FIELDS = {"EnableManagedSpotTraining": True,
               "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
               "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints",
                                    "LocalPath": "/opt/ml/checkpoints"}}
WARM = Compute(instance_type=INSTANCE, instance_count=2, volume_size_in_gb=50,
               keep_alive_period_in_seconds=600)
KINDS = {"epochs": 3, "learning_rate": 0.001, "text": "classic", "seed": None, "device": "auto"}
CHANNELS = [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
    "S3DataType": "S3Prefix", "S3Uri": TRAIN, "S3DataDistributionType": "FullyReplicated"}}}]


@pytest.fixture(scope="module")
def wire() -> dict[str, Any]:
    """Bodies of the requests to SageMaker that went over the wire, by operation."""
    return {}


@pytest.fixture(scope="module")
def session(moto_server: str, wire: dict[str, Any]) -> Iterator[Session]:
    """The SDK's, one for all tests, because its clients are slow to make."""
    def remember(request: Any, event_name: str, **_: object) -> None:
        wire[event_name.rpartition(".")[2]] = json.loads(request.body)

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in {"AWS_ENDPOINT_URL": moto_server, "NO_PROXY": "127.0.0.1",
                            "no_proxy": "127.0.0.1", "SAGEMAKER_VALIDATE_ROLE": "false"}.items():
            patch.setenv(name, value)
        aws = boto3.Session("none", "none", region_name=REGION)
        aws.events.register("before-send.sagemaker", remember)  # the clients to come inherit it
        yield make_session(aws)


def make_session(aws: boto3.Session) -> Session:
    return Session(aws, default_bucket=BUCKET, sagemaker_config=NO_TELEMETRY)


@pytest.fixture
def sent(session: Session, wire: dict[str, Any]) -> dict[str, Any]:
    """What this test sends."""
    wire.clear()
    return wire


def make_trainer(session: Session, **arguments: Any) -> ModelTrainer:
    return ModelTrainer(**{
        "training_image": IMAGE, "role": ROLE, "base_job_name": next(NAMES),
        "compute": Compute(instance_type=INSTANCE, instance_count=1),
        "output_data_config": OutputDataConfig(s3_output_path=f"s3://{BUCKET}/models"),
        "sagemaker_session": session, **arguments})


def train(trainer: ModelTrainer) -> None:
    trainer.train([InputData(channel_name="train", data_source=TRAIN, content_type="text/csv")],
                  wait=False)


def make_tuner(trainer: ModelTrainer, **arguments: Any) -> HyperparameterTuner:
    ranges = {"learning_rate": ContinuousParameter(0.0005, 0.02, scaling_type="Logarithmic"),
              "hidden_dim": IntegerParameter(32, 256),
              "batch_size": CategoricalParameter([64, 512])}
    return HyperparameterTuner(trainer, "validation:accuracy", ranges, METRICS,
                               max_jobs=6, max_parallel_jobs=2, **arguments)


def tune(tuner: HyperparameterTuner) -> None:
    tuner.tune([InputData(channel_name="train", data_source=TRAIN, content_type="text/csv")],
               next(NAMES), wait=False)


@pytest.mark.parametrize(("arguments", "fields"), [
    ({}, {"RoleArn": ROLE,
          "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
          "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models", "CompressionType": "GZIP"},
          "InputDataConfig": [{**CHANNELS[0], "InputMode": "File"}],
          "StoppingCondition": {"MaxRuntimeInSeconds": 3600}}),
    (SPOT, SPOT_FIELDS),
    ({"compute": WARM}, {"ResourceConfig": {
        "InstanceType": INSTANCE, "InstanceCount": 2, "VolumeSizeInGB": 50,
        "KeepAlivePeriodInSeconds": 600}}),
    ({"networking": Networking(enable_network_isolation=True)},
     {"EnableNetworkIsolation": True, "VpcConfig": None}),
    ({"tags": [Tag(key="project", value=PROJECT)]},
     {"Tags": [{"Key": "project", "Value": PROJECT}]}),
    ({"environment": {"SAGEMAKER_CONTAINER_LOG_LEVEL": "10"}},
     {"Environment": {"SAGEMAKER_CONTAINER_LOG_LEVEL": "10"}}),
    ({"hyperparameters": KINDS}, {"HyperParameters": {
        "epochs": "3", "learning_rate": "0.001", "text": "classic", "seed": "null",
        "device": "auto"}}),
], ids=["plain", "spot", "warm pool of two", "isolated", "tagged", "environment", "settings"])
def test_a_training_job_is_asked_for(session: Session, sent: dict[str, Any],
                                     arguments: dict[str, Any], fields: dict[str, Any]) -> None:
    train(make_trainer(session, **arguments))
    request = sent["CreateTrainingJob"]
    assert {name: request.get(name) for name in fields} == fields


def test_all_published_metrics_are_taken(session: Session, sent: dict[str, Any]) -> None:
    trainer = make_trainer(session).with_metric_definitions(
        [MetricDefinition(name=row["Name"], regex=row["Regex"]) for row in METRICS])
    train(trainer)
    assert sent["CreateTrainingJob"]["AlgorithmSpecification"]["MetricDefinitions"] == METRICS


def test_a_finished_job_says_where_its_model_is(session: Session) -> None:
    trainer = make_trainer(session)
    train(trainer)
    job = trainer._latest_training_job
    assert job is not None
    job.wait()
    assert job.training_job_status == "Completed"
    assert job.model_artifacts.s3_model_artifacts == (
        f"s3://{BUCKET}/models/{job.training_job_name}/output/model.tar.gz")


def test_a_tuning_job_is_asked_for(session: Session, sent: dict[str, Any]) -> None:
    tune(make_tuner(make_trainer(session, tags=[Tag(key="project", value=PROJECT)]),
                    early_stopping_type="Auto", random_seed=7))
    request = sent["CreateHyperParameterTuningJob"]
    assert request["HyperParameterTuningJobConfig"] == {
        "Strategy": "Bayesian", "RandomSeed": 7, "TrainingJobEarlyStoppingType": "Auto",
        "HyperParameterTuningJobObjective": {"Type": "Maximize",
                                             "MetricName": "validation:accuracy"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.0005",
                                           "MaxValue": "0.02", "ScalingType": "Logarithmic"}],
            "IntegerParameterRanges": [{"Name": "hidden_dim", "MinValue": "32",
                                        "MaxValue": "256", "ScalingType": "Auto"}],
            "CategoricalParameterRanges": [{"Name": "batch_size", "Values": ["64", "512"]}]}}
    assert request["Tags"] == [{"Key": "project", "Value": PROJECT}]


@pytest.mark.parametrize(("arguments", "fields"), [
    ({}, {"RoleArn": ROLE, "InputDataConfig": CHANNELS, "AlgorithmSpecification": {
        "TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": METRICS}}),
    (SPOT, SPOT_FIELDS),
    ({"hyperparameters": {**KINDS, "learning_rate": 0.5}}, {"StaticHyperParameters": {
        "epochs": "3", "text": "classic", "seed": "None", "device": "auto"}}),
], ids=["plain", "spot", "settings"])
def test_a_tuning_job_has_what_its_trainer_was_given(
        session: Session, sent: dict[str, Any], arguments: dict[str, Any],
        fields: dict[str, Any]) -> None:
    tune(make_tuner(make_trainer(session, **arguments)))
    definition = sent["CreateHyperParameterTuningJob"]["TrainingJobDefinition"]
    assert {name: definition.get(name) for name in fields} == fields


def test_a_tuning_job_forgets_isolation_and_warm_pool(session: Session,
                                                      sent: dict[str, Any]) -> None:
    # If this fails, the SDK has mended it, and what scripts/ do about it can go.
    tune(make_tuner(make_trainer(session, compute=WARM,
                                 networking=Networking(enable_network_isolation=True))))
    definition = sent["CreateHyperParameterTuningJob"]["TrainingJobDefinition"]
    assert "EnableNetworkIsolation" not in definition
    assert "KeepAlivePeriodInSeconds" not in definition["ResourceConfig"]


def test_the_container_reads_both_notations_alike(session: Session, sent: dict[str, Any]) -> None:
    trainer = make_trainer(session, hyperparameters=KINDS)
    train(trainer)
    tune(make_tuner(trainer))
    trained = sent["CreateTrainingJob"]["HyperParameters"]
    tuned = sent["CreateHyperParameterTuningJob"]["TrainingJobDefinition"]["StaticHyperParameters"]
    assert trained["seed"] != tuned["seed"]
    assert resolve(ALGORITHM.hyperparameters, trained) == resolve(
        ALGORITHM.hyperparameters, {**tuned, "learning_rate": "0.001"})


def decide(params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:
    """Answer for `iam:SimulatePrincipalPolicy`, which moto does not know: nothing of EC2."""
    names = [value for name, value in params["body"].items() if name.startswith("ActionNames.")]
    results = [{"EvalActionName": name, "EvalDecision": "implicitDeny" if name.startswith("ec2:")
                else "allowed"} for name in names]
    return AWSResponse("", 200, {}, None), {"EvaluationResults": results}


@pytest.mark.parametrize("checked", ["true", "false"])
def test_a_role_without_rights_on_networks_needs_the_check_to_be_off(
        session: Session, monkeypatch: pytest.MonkeyPatch, checked: str) -> None:
    # K4: the SDK asks for nine actions of EC2 that a job outside a VPC never uses.
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", checked)
    aws = boto3.Session("none", "none", region_name=REGION)
    aws.events.register("before-call.iam.SimulatePrincipalPolicy", decide)
    session = make_session(aws)
    if checked == "true":
        with pytest.raises(RoleValidationError, match="ec2:CreateNetworkInterface"):
            make_trainer(session)
    else:
        assert make_trainer(session).role == ROLE


@pytest.mark.parametrize(("verb", "operation"), [
    (lambda session: train(make_trainer(session)), "CreateTrainingJob"),
    (lambda session: tune(make_tuner(make_trainer(session))), "CreateHyperParameterTuningJob"),
    (lambda session: Transformer(
        PROJECT, 1, INSTANCE, output_path=f"s3://{BUCKET}/out", base_transform_job_name=PROJECT,
        sagemaker_session=session).transform(f"s3://{BUCKET}/in", wait=False),
     "CreateTransformJob"),
], ids=["train", "tune", "transform"])
def test_a_dry_run_stops_the_request(
        no_account: None, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Session], None],
        operation: str) -> None:
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")
    account = Account(PROJECT, dry_run=True)
    assert account.dry_run is not None
    try:
        verb(make_session(account.session))
    except ClientError as error:
        # Train and tune read back what they believe to have created.
        assert error.operation_name == operation.replace("Create", "Describe")
    assert [name for _, name, _ in account.dry_run.requests] == [operation]
