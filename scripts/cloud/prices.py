"""About what things cost, so that nobody is surprised. AWS's own price list has the last word.

List prices on demand in us-east-1, in US dollars, without tax; other Regions differ by up to half.
Source: https://aws.amazon.com/sagemaker/pricing/ and the pages of the other services.
"""

from __future__ import annotations

PER_HOUR = {
    "ml.t2.medium": 0.056, "ml.m5.large": 0.115, "ml.m5.xlarge": 0.23, "ml.m5.2xlarge": 0.461,
    "ml.c5.large": 0.102, "ml.c5.xlarge": 0.204, "ml.c5.2xlarge": 0.408,
    "ml.g4dn.xlarge": 0.736, "ml.g4dn.2xlarge": 0.94, "ml.g5.xlarge": 1.408, "ml.g5.2xlarge": 1.515,
    "ml.p3.2xlarge": 3.825,
}
"""SageMaker instances, for training and hosting alike."""

SERVERLESS_GB_SECOND = 0.00002
S3_GB_MONTH = 0.023
ECR_GB_MONTH = 0.10
LOGS_GB_MONTH = 0.03
ALARM_MONTH = 0.10
DASHBOARD_MONTH = 3.00
PAGE_MILLION = 4.3
"""Requests through CloudFront (1.00), the HTTP API (1.00), the function (0.20, and 2.10 for half a
second of 256 MB)."""
HOURS_A_MONTH = 730


def per_hour(instance: str, count: int = 1) -> str:
    """For example `about 0.23 USD an hour (2 x ml.m5.large, list price in us-east-1)`."""
    what = instance if count == 1 else f"{count} x {instance}"
    price = PER_HOUR.get(instance)
    if price is None:
        return f"the hourly price of {what}, see https://aws.amazon.com/sagemaker/pricing/"
    return f"about {price * count:.3g} USD an hour ({what}, list price in us-east-1)"


def per_month(amount: float) -> str:
    """For example `about 0.12 USD a month`; less than a cent is said so."""
    return "less than 0.01 USD a month" if amount < 0.01 else f"about {amount:.2f} USD a month"
