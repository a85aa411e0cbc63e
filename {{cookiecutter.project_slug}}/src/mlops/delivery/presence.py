"""Whether the image of a release that shall run again is still there: `mlops gc` or somebody may have removed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.records import Record
from mlops.delivery.stock import Stock

# How many other releases are asked about: as many as `mlops gc` keeps if nobody says otherwise.
OTHERS = 12


@dataclass
class Presence:
    """What was asked about images so far: each once, however often a commit is made anew."""

    stock: Stock
    _found: dict[str, bool | MlopsError] = field(default_factory=dict)

    def require(self, env: str, record: Record, others: Iterable[Record] = ()) -> str:
        """Refuse a release whose image is definitely gone.

        Args:
            env: The environment whose release it is.
            record: The release.
            others: Other releases that one could go back to, newest first.

        Returns:
            A note where nobody could be asked: the nodes may have the image all the same. Else nothing.

        Raises:
            Refused: The image is gone; the message names the releases whose images are there.
        """
        found = self._ask(record)
        if isinstance(found, MlopsError):
            return f" Nobody could say whether its image is still there: {found}"
        if found:
            return ""
        raise Refused(
            f"The image of {record.id} is gone: {record.image.repository} has no {record.image.digest[:19]}… any more. "
            f"`mlops gc` or somebody removed it. {self._reachable(env, record, others)}"
            f"To have it again, check {record.commit[:10]} out, and run `dvc repro --pull` and "
            f"`mlops image build --push`."
        )

    def _reachable(self, env: str, record: Record, others: Iterable[Record]) -> str:
        rest = {other.id: other for other in others if other.identity != record.identity}
        if not rest:
            return ""
        there = [id_ for id_, other in list(rest.items())[:OTHERS] if self._ask(other) is True]
        if not there:
            return "None of the others is known to be there. "
        return f"Still there: {', '.join(there)}; `mlops rollback --env {env} --to ID` goes to one of them. "

    def _ask(self, record: Record) -> bool | MlopsError:
        digest = record.image.digest
        if digest not in self._found:
            try:
                self._found[digest] = self.stock.has(record.image)
            except MlopsError as error:
                self._found[digest] = error
        return self._found[digest]
