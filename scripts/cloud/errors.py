"""What went wrong, said so that somebody can do something about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

T = TypeVar("T")


class ScriptError(Exception):
    """Nothing can be done before the user changes something; the message says what."""


# Each service has its own word for it, and some say it only in the message.
_MISSING = {"404", "ImageNotFoundException", "LifecyclePolicyNotFoundException", "NoSuchBucket",
            "NoSuchEntity", "NoSuchKey", "NoSuchTagSet", "NotFound", "ObjectNotFoundException",
            "RepositoryNotFoundException", "ResourceNotFound", "ResourceNotFoundException"}
_MISSING_WORDS = ("could not find", "does not exist", "not found", "cannot find")
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403",
           "AuthorizationError", "UnauthorizedException"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired",
            "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_QUOTA = {"LimitExceeded", "LimitExceededException", "ResourceLimitExceeded", "TooManyBuckets",
          "ServiceQuotaExceededException"}
_BUSY = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded",
         "SlowDown", "ServiceUnavailable", "InternalFailure", "InternalServerException",
         "OperationAborted"}  # a bucket that was deleted just now


def is_missing(error: ClientError) -> bool:
    """Whether a read failed because there is no such thing, and not for another reason."""
    code, message = _code(error), _message(error).lower()
    return code in _MISSING or (code in ("ValidationException", "ValidationError")
                                and any(words in message for words in _MISSING_WORDS))


def found(read: Callable[[], T]) -> T | None:
    """What `read` gives, or None where there is no such thing."""
    try:
        return read()
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_denied(error: ClientError) -> bool:
    """Whether whoever asks is not permitted to."""
    return _code(error) in _DENIED


AWS_ERRORS = (BotoCoreError, Boto3Error, ClientError)
"""All that boto3 raises. Neither of the first two knows of the other."""


def explain(error: Exception, project: str) -> str:
    """One or two sentences for one of `AWS_ERRORS`: what was refused, and what to do."""
    if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
        error = error.__context__  # transfers of files wrap what S3 said
    if isinstance(error, ClientError):
        return _explain_answer(error, project)
    match error:
        case NoCredentialsError() | PartialCredentialsError() | ProfileNotFound():
            return (f"no AWS credentials: {error}. Run `aws configure sso` or `aws configure`, "
                    "or set AWS_PROFILE")
        case SSOError() | TokenRetrievalError():
            return "the AWS sign-in has ended; run `aws sso login`"
        case NoRegionError():
            return "no Region: give --region, set AWS_REGION, or write it into project.toml"
        case EndpointConnectionError():
            return f"no connection: {error} Check the network and the Region's name"
        case ParamValidationError():
            return f"a setting cannot be sent. {error}"
    return f"AWS could not be asked: {error}"


def _explain_answer(error: ClientError, project: str) -> str:
    code, message, operation = _code(error), _message(error), error.operation_name
    said = f"{operation}: {message or code}"
    if code in _DENIED:
        return (f"not permitted. {said}\nThe policies that `python scripts/create_roles.py` makes "
                f"({project}-...) permit what these scripts do; attach them to your user or role")
    if code in _EXPIRED:
        return f"AWS does not accept these credentials. {said}\nSign in again (`aws sso login`)"
    if code in _QUOTA:
        return (f"a quota of the account is used up. {said}\nAsk for more under Service Quotas in "
                "the console (SageMaker has one for each instance type and use), or take another "
                "instance type")
    if code == "ValidationException" and "assume" in message.lower():
        return f"{said}\nA role that was just made is known everywhere in a minute; try again then"
    if code in _BUSY:
        return f"AWS is busy. {said}\nWait a minute and run the same command again"
    return said


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))
