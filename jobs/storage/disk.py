"""Blobs as files in one folder, a folder per job."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jobs.errors import BlobError, BlobNotFound, StorageFull, StorageUnavailable
from jobs.model import BlobRef
from jobs.storage.blobs import NAME, BlobInfo, chunks
from jobs.storage.usage import Usage

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TEMPORARY = ".tmp"
USAGE = ".usage"
RECOUNT_SECONDS = 5  # a full storage compares its count with the disk at most this often, in each process


class DiskBlobs:
    """Blobs on a disk: written under a temporary name, synced, then renamed."""

    def __init__(self, root: Path, *, min_free_bytes: int = 0, quota_bytes: int = 0) -> None:
        self._root = root
        self._min_free = min_free_bytes
        self._quota = quota_bytes
        self._usage = Usage(root / USAGE)
        self._compared = time.monotonic()  # with the disk

    def put(
        self, name: str, data: bytes | BinaryIO | Iterable[bytes], media_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Store a blob durably and return its reference."""
        target = self._path(name)
        self.check()
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}{TEMPORARY}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            digest, size = _write(temporary, data)
            self._rename(temporary, target, size)
        except OSError as error:
            raise _blob_error(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return BlobRef(name=name, sha256=digest, bytes=size, media_type=media_type)

    def take(self, name: str, path: Path, media_type: str = "application/octet-stream") -> BlobRef:
        """Store a file as `put` does, by moving it if it is on the same disk."""
        target = self._path(name)
        self.check()
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            digest, size = _sync_file(path)
            self._rename(path, target, size)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise _blob_error(error) from error
            with path.open("rb") as file:
                return self.put(name, file, media_type)
        return BlobRef(name=name, sha256=digest, bytes=size, media_type=media_type)

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading."""
        try:
            return self._path(name).open("rb")
        except FileNotFoundError as error:
            raise BlobNotFound(name) from error
        except OSError as error:
            raise _blob_error(error) from error

    def read(self, name: str) -> bytes:
        """Return the bytes of a blob."""
        with self.open(name) as file:
            return file.read()

    def copy(self, source: str, target: str) -> None:
        """Give a blob a second name; no bytes are copied, and each can be deleted without the other."""
        path = self._path(target)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._remove(path)
            os.link(self._path(source), path)
            self._usage.add(_size(path))
            os.utime(path)
            _sync_folder(path.parent)
        except FileNotFoundError as error:
            raise BlobNotFound(source) from error
        except OSError:  # a file system without hard links
            with self.open(source) as file:
                self.put(target, file)

    def delete(self, *names: str) -> None:
        """Remove blobs, and folders that become empty."""
        for name in names:
            path = self._listed_path(name)
            self._remove(path)
            _remove_if_empty(path.parent)

    def delete_all(self, job_id: str) -> None:
        """Remove the folder of a job."""
        folder = self._path(f"{job_id}/all").parent
        with suppress(OSError):  # the reaper removes what is left
            self._remove(*(Path(entry) for entry in _entries(folder)))
        _remove_if_empty(folder)

    def list(self) -> Iterator[BlobInfo]:
        """Yield every file, temporary ones too; at the end, correct the number of bytes that is counted."""
        if self._usage.read() is None:
            yield from self._files()
            return
        with self._usage.comparing() as may_correct:
            counted, found = self._usage.read(), 0
            for info in self._files():
                found += info.bytes
                yield info
            if may_correct and counted is not None:
                self._usage.add(found - counted)

    def _files(self) -> Iterator[BlobInfo]:
        for folder in _entries(self._root):
            for entry in _entries(Path(folder.path)) if folder.is_dir() else ():
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue
                yield BlobInfo(name=f"{folder.name}/{entry.name}", bytes=status.st_size, modified=status.st_mtime)

    def check(self) -> None:
        """Raise StorageFull or StorageUnavailable if a blob could not be stored now."""
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            free = shutil.disk_usage(self._root).free
            over_quota = self._is_over_quota()
        except OSError as error:
            raise _blob_error(error) from error
        if not os.access(self._root, os.W_OK):
            raise StorageUnavailable("it cannot be written")
        if free < self._min_free or over_quota:
            raise StorageFull()

    def _is_over_quota(self) -> bool:
        """Compare the count with the quota, and with the disk first if files may have been removed by hand."""
        if not self._quota or self._used_bytes() < self._quota:
            return False
        if time.monotonic() - self._compared < RECOUNT_SECONDS:
            return True
        for _ in self.list():
            pass
        self._compared = time.monotonic()
        return self._used_bytes() >= self._quota

    def _used_bytes(self) -> int:
        """Return the number of bytes that all files take together."""
        counted = self._usage.read()
        if counted is None:
            counted = sum(info.bytes for info in self.list())
            self._usage.start(counted)
        return counted

    def _rename(self, source: Path, target: Path, size: int) -> None:
        replaced = _size(target)
        source.replace(target)
        self._usage.add(size - replaced)
        _sync_folder(target.parent)

    def _remove(self, *paths: Path) -> None:
        """Remove files; those that are gone already are not counted."""
        removed = 0
        try:
            for path in paths:
                with suppress(FileNotFoundError):
                    size = path.stat().st_size
                    path.unlink()
                    removed += size
        finally:
            self._usage.add(-removed)

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise BlobNotFound(name)
        return self._root / name

    def _listed_path(self, name: str) -> Path:
        """Return the path of a name that `list` yielded, which may be a temporary one."""
        folder, _, file = name.partition("/")
        return self._path(name) if not file.startswith(".") else self._path(f"{folder}/x").with_name(Path(file).name)


def _write(path: Path, data: bytes | BinaryIO | Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks(data):
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _size(path: Path) -> int:
    """Return the size of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_file(path: Path) -> tuple[str, int]:
    """Write a file through to the disk and return its SHA-256 and its size."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # not empty, or gone already
        folder.rmdir()


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _blob_error(error: OSError) -> BlobError:
    return StorageFull() if error.errno in NO_ROOM else StorageUnavailable(os.strerror(error.errno or 0).lower())
