"""Extraction of archives that never writes outside its folder."""

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

FORMATS = ("tar", "zip")


def extract_archive(
    archive: Path, folder: Path, archive_format: str | Sequence[str] | None = "auto"
) -> bool:
    """Extracts an archive into a folder, whole or not at all.

    Args:
        archive: a .tar (plain, gz, bz2 or xz) or .zip file.
        folder: where its members go; made if absent, and added to if there.
        archive_format: "tar", "zip", a list of these, "auto" for both, or None for none.

    Returns:
        False, with nothing extracted, where the file is not of these formats.

    Raises:
        ValueError: an unknown format, or a member (an absolute path, "..", a link or a device)
            that would reach outside the folder.
    """
    is_format = {"tar": tarfile.is_tarfile, "zip": zipfile.is_zipfile}
    unpack = {"tar": _unpack_tar, "zip": _unpack_zip}
    matching = [name for name in _formats(archive_format) if is_format[name](archive)]
    if not matching:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        unpack[matching[0]](archive, staging)
        _move(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True


def _formats(archive_format: str | Sequence[str] | None) -> tuple[str, ...]:
    """The formats to try, in order."""
    if archive_format is None:
        return ()
    if archive_format == "auto":
        return FORMATS
    names = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format)
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise ValueError(
            "`archive_format` must be 'auto', 'tar', 'zip', a list of these or None. "
            f"Received: archive_format={archive_format!r}"
        )
    return names


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        try:
            tar.extractall(folder, filter=_kept_inside)
        except tarfile.FilterError as error:
            raise ValueError(f"Refused to extract {archive}: {error}") from error


def _kept_inside(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """A member as Python's own filter leaves it, which nothing leads out of the folder.

    Python asks the file system where a path leads, and older versions believe the answer for paths
    that are too long for it. Here names decide: nothing is put below a link, and a link goes up
    before it goes down, so that where it leads can be read off its names.
    """
    found = tarfile.data_filter(member, folder)
    name = PurePosixPath(found.name)
    wrong = _below_link(Path(folder), name)
    if found.issym():
        wrong |= _climbs(PurePosixPath(found.linkname), len(name.parts) - 1)
    elif found.islnk():
        target = PurePosixPath(found.linkname)
        file = Path(folder, target)
        wrong |= _climbs(target, 0) or _below_link(Path(folder), target) or file.is_symlink()
        wrong |= not file.is_file()  # else Python would write the member of that name here
    if wrong:
        raise tarfile.LinkOutsideDestinationError(found, found.linkname or found.name)
    return found


def _below_link(folder: Path, name: PurePosixPath) -> bool:
    """Whether a folder above the name is a link."""
    return any((folder / above).is_symlink() for above in name.parents)


def _climbs(target: PurePosixPath, depth: int) -> bool:
    """Whether a target has more ".." than the depth, or any behind another name."""
    ups = target.parts.count("..")
    return target.is_absolute() or ups > depth or ".." in target.parts[ups:]


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        outside = [name for name in members.namelist() if _leaves_folder(name)]
        if outside:
            raise ValueError(
                f"Refused to extract {archive}: {outside[0]!r} would be extracted outside the "
                "destination"
            )
        members.extractall(folder)


def _leaves_folder(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def _move(staging: Path, folder: Path) -> None:
    """Puts what was extracted in place: by one rename, or by adding to a folder that is there."""
    if folder.exists():
        shutil.copytree(staging, folder, dirs_exist_ok=True, symlinks=True)
        return
    staging.chmod(0o777 & ~_umask())  # a temporary folder is private; a cache need not be
    staging.rename(folder)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
