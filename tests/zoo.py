"""One of each thing that the scripts make, by hand, and a count of all that an account holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloud.account import Account

import boto3

from accounts import PROJECT

ROLE = "arn:aws:iam::123456789012:role/some-role"
STAMP = "20261120-101500"
_STACK = {"Resources": {"PageBucket": {"Type": "AWS::S3::Bucket"}},
          "Outputs": {"PageBucket": {"Value": {"Ref": "PageBucket"}}}}
_ROLES = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
    "RoleName": {"Ref": "AWS::StackName"}, "AssumeRolePolicyDocument": {
        "Version": "2012-10-17", "Statement": []}}}}}


class Stranger(Account):
    """Makes things with the names of our project, and with tags of their own."""

    def __init__(self, tags: list[dict[str, str]]) -> None:
        super().__init__(PROJECT)
        self._tags = tags

    @property
    def tags(self) -> list[dict[str, str]]:
        return self._tags


def endpoint(account: Account, name: str, variant: Mapping[str, Any] | None = None) -> None:
    """An endpoint with all that belongs to it, but for its schedules."""
    tags, sagemaker, made = account.tags, account.client("sagemaker"), f"{name}-{STAMP}"
    sagemaker.create_model(ModelName=made, ExecutionRoleArn=ROLE, Tags=tags)
    sagemaker.create_endpoint_config(EndpointConfigName=made, Tags=tags, ProductionVariants=[{
        "VariantName": "main", "ModelName": made, **(variant or {
            "InstanceType": "ml.m5.large", "InitialInstanceCount": 2})}])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=made, Tags=tags)
    target = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/main",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling = account.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    scaling.put_scaling_policy(**target, PolicyName=f"{name}-load",
                               PolicyType="TargetTrackingScaling",
                               TargetTrackingScalingPolicyConfiguration={"TargetValue": 5.0})
    alarm(account, f"{name}-main-errors", name, tags)
    alarm(account, f"TargetTracking-endpoint/{name}/variant/main-AlarmHigh-1", name, [])
    account.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    account.client("sns").create_topic(Name=f"{name}-alarms", Tags=tags)
    log(account, f"/aws/sagemaker/Endpoints/{name}", "main/i-1")


def alarm(account: Account, name: str, watched: str, tags: list[dict[str, str]]) -> None:
    """An alarm on a metric of the endpoint `watched`."""
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": watched}], Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold", Tags=tags)


def log(account: Account, group: str, stream: str) -> None:
    """What the platform makes when a container says its first word."""
    logs = account.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if group not in [entry["logGroupName"] for entry in groups]:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)


def schedule(account: Account, name: str, at: str, what: str = "delete") -> None:
    """One of those that `deploy_endpoint.py --for` sets for an endpoint."""
    scheduler = account.client("scheduler")
    groups = scheduler.list_schedule_groups(NamePrefix=account.project)["ScheduleGroups"]
    if account.project not in [group["Name"] for group in groups]:
        scheduler.create_schedule_group(Name=account.project, Tags=account.tags)
    scheduler.create_schedule(
        Name=f"{name}-{what}", GroupName=account.project, ScheduleExpression=f"at({at})",
        FlexibleTimeWindow={"Mode": "OFF"}, Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint", "RoleArn": ROLE,
            "Input": json.dumps({"EndpointName": name})})


def training_job(account: Account, name: str, **more: Any) -> None:
    """A training job, and what it said."""
    account.client("sagemaker").create_training_job(
        TrainingJobName=name, RoleArn=ROLE, Tags=account.tags, **{
            "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/training"},
            "ResourceConfig": {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1,
                               "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600}, **more})
    log(account, "/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1")


def processing_job(account: Account, name: str) -> None:
    """A processing job, and what it said."""
    account.client("sagemaker").create_processing_job(
        ProcessingJobName=name, RoleArn=ROLE, Tags=account.tags,
        AppSpecification={"ImageUri": "image"}, ProcessingResources={"ClusterConfig": {
            "InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30}})
    log(account, "/aws/sagemaker/ProcessingJobs", f"{name}/algo-1-1")


def transform_job(account: Account, name: str) -> None:
    """A transform job, and what it said."""
    account.client("sagemaker").create_transform_job(
        TransformJobName=name, ModelName=name, Tags=account.tags,
        TransformInput={"DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://bucket/batch/input"}}},
        TransformOutput={"S3OutputPath": "s3://bucket/batch/output"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2})
    log(account, "/aws/sagemaker/TransformJobs", f"{name}/i-1")


def tuning_job(account: Account, name: str) -> None:
    """A tuning job."""
    account.client("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, Tags=account.tags, HyperParameterTuningJobConfig={
            "Strategy": "Bayesian", "ResourceLimits": {"MaxParallelTrainingJobs": 2}})


def repository(account: Account) -> None:
    """A repository without an image."""
    account.client("ecr").create_repository(repositoryName=account.project, tags=account.tags)


def bucket(account: Account) -> None:
    """A bucket with versions, a marker of a deleted object, and an upload that never ended."""
    s3, name = account.client("s3"), account.bucket
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": account.region})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": account.tags})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in ("data/a.csv", "data/a.csv", "training/model.tar.gz"):
        s3.put_object(Bucket=name, Key=key, Body=b"x" * 1000)
    s3.delete_object(Bucket=name, Key="data/a.csv")
    s3.create_multipart_upload(Bucket=name, Key="data/never.csv")


def stacks(account: Account) -> None:
    """The stacks of the roles and of the page, with a page in its bucket."""
    cloudformation = account.client("cloudformation")
    for suffix, template in {"roles": _ROLES, "page": _STACK}.items():
        cloudformation.create_stack(StackName=f"{account.project}-{suffix}", Tags=account.tags,
                                    TemplateBody=json.dumps(template),
                                    Capabilities=["CAPABILITY_NAMED_IAM"])
    account.client("s3").put_object(
        Bucket=account.stack_outputs(f"{account.project}-page")["PageBucket"], Key="index.html")


def build(account: Account) -> None:
    """One of each, for the account's project."""
    endpoint(account, account.project)
    schedule(account, account.project, "2099-11-20T12:15:00")
    training_job(account, f"{account.project}-{STAMP}")
    tuning_job(account, f"{account.project}-tune")
    processing_job(account, f"{account.project}-{STAMP}")
    transform_job(account, f"{account.project}-{STAMP}")
    repository(account)
    bucket(account)
    stacks(account)


def census(region: str) -> dict[str, list[str]]:
    """Everything that is there, whosever it is, asked by clients that nobody else has used."""
    asked = {
        "sagemaker": (("list_endpoints", "Endpoints", "EndpointName"),
                      ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
                      ("list_models", "Models", "ModelName"),
                      ("list_training_jobs", "TrainingJobSummaries", "TrainingJobName"),
                      ("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName"),
                      ("list_transform_jobs", "TransformJobSummaries", "TransformJobName"),
                      ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
                       "HyperParameterTuningJobName")),
        "scheduler": (("list_schedules", "Schedules", "Name"),
                      ("list_schedule_groups", "ScheduleGroups", "Name")),
        "cloudwatch": (("describe_alarms", "MetricAlarms", "AlarmName"),
                       ("list_dashboards", "DashboardEntries", "DashboardName")),
        "sns": (("list_topics", "Topics", "TopicArn"),),
        "ecr": (("describe_repositories", "repositories", "repositoryName"),),
        "s3": (("list_buckets", "Buckets", "Name"),),
        "lambda": (("list_functions", "Functions", "FunctionName"),),
        "iam": (("list_roles", "Roles", "RoleName"),),
        "cloudformation": (("list_stacks", "StackSummaries", "StackName"),),
        "logs": (("describe_log_groups", "logGroups", "logGroupName"),),
    }
    counted = {}
    for service, lists in asked.items():
        client = boto3.client(service, region_name=region)
        for operation, key, name in lists:
            pages = client.get_paginator(operation).paginate()
            counted[key] = sorted(entry[name] for page in pages for entry in page[key]
                                  if entry.get("StackStatus") != "DELETE_COMPLETE")
    scaling = boto3.client("application-autoscaling", region_name=region)
    for operation, key in (("describe_scalable_targets", "ScalableTargets"),
                           ("describe_scaling_policies", "ScalingPolicies")):
        answer = getattr(scaling, operation)(ServiceNamespace="sagemaker")
        counted[key] = sorted(entry["ResourceId"] for entry in answer[key])
    logs = boto3.client("logs", region_name=region)
    counted["logStreams"] = sorted(
        stream["logStreamName"] for group in counted["logGroups"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"])
    return counted
