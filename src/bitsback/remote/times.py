"""When files at URLs were changed: read, and set where a filesystem can."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from bitsback.remote.url import Url, protocols

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def changed(url: Url) -> int | None:
    """In ns since 1970; None where the filesystem does not say."""
    fs, path = url.connect()
    with suppress(Exception):  # of which filesystems raise all kinds
        time: datetime = fs.modified(path)
        return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // _MICROSECOND * 1000
    return None


def as_datetime(time: int) -> datetime:
    """Of ns since 1970. Raises OverflowError for what no calendar has."""
    return _EPOCH + timedelta(microseconds=time // 1000)


def set_changed(fs: Any, path: str, time: int) -> None:
    """Sets it, where there is a way: of stores of objects it is when they were written."""
    names = protocols(fs)
    with suppress(Exception):  # as on a disk, where it does not matter to what a file holds
        if "sftp" in names:
            fs.ftp.utime(path, (time / 1e9, time / 1e9))
        elif "memory" in names:
            fs.store[path].modified = as_datetime(time)
