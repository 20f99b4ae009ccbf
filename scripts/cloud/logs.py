"""What containers have said, from CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator

from cloud.account import Account
from cloud.errors import found

TRAINING = "/aws/sagemaker/TrainingJobs"


def last_lines(account: Account, group: str, count: int = 15, prefix: str = "") -> list[str]:
    """The last lines of the log stream that was written last; none where there is no log.

    With `prefix`, of the first stream whose name begins so: a job's streams do.
    """
    logs = account.client("logs")
    # The service takes one or the other.
    which = ({"logStreamNamePrefix": prefix} if prefix else
             {"orderBy": "LastEventTime", "descending": True})
    streams = found(lambda: logs.describe_log_streams(logGroupName=group, limit=1, **which))
    if not streams or not streams["logStreams"]:
        return []
    events = logs.get_log_events(
        logGroupName=group, logStreamName=streams["logStreams"][0]["logStreamName"], limit=count)
    return [event["message"].rstrip() for event in events["events"]]


class Follower:
    """Reads on in the streams of a job, each from where it was left. Streams may come later."""

    def __init__(self, account: Account, group: str, prefix: str) -> None:
        self._logs = account.client("logs")
        self._group = group
        self._prefix = prefix
        self._tokens: dict[str, str] = {}

    def lines(self) -> Iterator[str]:
        """What has come since the last time; with several hosts, each line with its host."""
        answer = found(lambda: self._logs.describe_log_streams(
            logGroupName=self._group, logStreamNamePrefix=f"{self._prefix}/"))
        names = [stream["logStreamName"] for stream in (answer or {}).get("logStreams", [])]
        for name in names:
            host = name.partition("/")[2].rpartition("-")[0]
            for line in self._read_on(name):
                yield f"{host}  {line}" if len(names) > 1 else line

    def _read_on(self, name: str) -> Iterator[str]:
        while True:
            before = self._tokens.get(name)
            answer = self._logs.get_log_events(
                logGroupName=self._group, logStreamName=name, startFromHead=True,
                **({"nextToken": before} if before else {}))
            yield from (event["message"].rstrip() for event in answer["events"])
            self._tokens[name] = answer["nextForwardToken"]
            if before == self._tokens[name]:  # the same token again is the end, for now
                return
