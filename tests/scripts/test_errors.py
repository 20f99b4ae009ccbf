"""What AWS refuses, in words that help."""

from __future__ import annotations

from cloud.errors import explain, found, is_missing

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    SSOTokenLoadError,
)


def _error(code: str, message: str = "", operation: str = "CreateEndpoint") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(("error", "said"), [
    (_error("AccessDeniedException", "User: x is not authorized to perform: sagemaker:Y"),
     "not permitted. CreateEndpoint: User: x is not authorized to perform: sagemaker:Y\n"
     "The policies that `python scripts/create_roles.py` makes"),
    (_error("ExpiredTokenException", "The security token is expired"), "aws sso login"),
    (_error("ResourceLimitExceeded", "The account-level service limit 'ml.g4dn.xlarge for training "
            "job usage' is 0 Instances"), "Service Quotas"),
    (_error("ThrottlingException", "Rate exceeded"), "run the same command again"),
    (_error("ValidationException", "name too long"), "CreateEndpoint: name too long"),
    (_error("ValidationException", "Could not assume role arn:aws:iam::1:role/x. Please ensure "
            "that the role exists", "CreateTrainingJob"), "just made is known everywhere in a min"),
    (EndpointConnectionError(endpoint_url="https://x"), "Check the network"),
    (SSOTokenLoadError(error_msg="Token for lab does not exist"), "aws sso login"),
    (_error("OperationAborted", "A conflicting conditional operation is in progress"), "Wait a"),
    (BotoCoreError(), "AWS could not be asked"),
])
def test_an_error_names_what_to_do(error: Exception, said: str) -> None:
    assert said in explain(error, "sentiment-sagemaker")


def test_a_transfer_is_explained_by_what_s3_said() -> None:
    try:
        try:
            raise _error("AccessDenied", "no", "PutObject")
        except ClientError as error:
            raise S3UploadFailedError("Failed to upload") from error
    except S3UploadFailedError as error:
        assert explain(error, "p").startswith("not permitted. PutObject: no")


@pytest.mark.parametrize(("error", "missing"), [
    (_error("404"), True), (_error("NoSuchEntity"), True),
    (_error("ValidationException", 'Could not find endpoint "x".'), True),
    (_error("ValidationError", "Stack with id x does not exist"), True),
    (_error("ValidationException", "1 validation error detected"), False),
    (_error("AccessDenied"), False),
])
def test_what_is_not_there_is_told_from_what_is_not_allowed(
        error: ClientError, missing: bool) -> None:
    assert is_missing(error) is missing


def test_found_hides_only_what_is_missing() -> None:
    def raising(error: ClientError) -> None:
        raise error

    assert found(lambda: raising(_error("NoSuchKey"))) is None
    with pytest.raises(ClientError, match="AccessDenied"):
        found(lambda: raising(_error("AccessDenied")))
