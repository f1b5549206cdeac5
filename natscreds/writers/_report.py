"""What a writer did."""

import msgspec

__all__ = ["Report"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer did.

    Attributes:
        directory: The directory written to, as given; of a single file, the one it is in.
        path: What was written: the directory, or the file, as given.
        written: Users written that were not there.
        kept: Users found whole from an earlier run.
        replaced: Users written in the place of a credential of theirs that was damaged, expired or revoked.
        without_expiry: Users that never expire, of all in the manifest.
        manifest: Where the manifest is: a file, or the name of an archive's last member.
    """

    directory: str
    path: str
    written: int
    kept: int = 0
    replaced: int = 0
    without_expiry: int = 0
    manifest: str = ""
