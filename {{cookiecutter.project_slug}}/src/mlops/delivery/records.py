"""The release record: what one environment runs, as a closed schema and as the text of release.yaml."""

from __future__ import annotations

import difflib
import json
import re
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mlops.contract.errors import MlopsError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\z")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}\z")]
CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?\z")]
ReleaseId = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}-[1-9][0-9]*\z")]
Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*\z")]
Name = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+\z", max_length=200)
]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]

# The same loader in C, where PyYAML has it: a long history is read at every release.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./:-]+")
COMMENT_AT = 38
HEADER = "# What this environment runs. Written by mlops; take it back with `git revert`."


class Closed(BaseModel):
    """A part of the record: no unknown key, no conversion from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Image(Closed):
    """The image, by content."""

    repository: Repository
    digest: Digest


class Model(Closed):
    """The model file."""

    sha256: Sha256


class Data(Closed):
    """The batches the model has seen."""

    sha256: Sha256
    batches: Count
    rows: Count


class ContractRef(Closed):
    """The contract the model was trained under."""

    version: Name
    sha256: Sha256


class Record(Closed):
    """One release; `identity` is its content, `id` its name, `commit` the source it was made from."""

    id: ReleaseId
    identity: Digest
    commit: CommitId
    image: Image
    model: Model
    data: Data
    contract: ContractRef
    metrics: dict[Name, Number]


class _Document(Closed):
    release: Record


def render(record: Record) -> str:
    """Write a record as the text of release.yaml, the same bytes for the same record."""
    r = record
    metrics = ", ".join(f"{_plain(name)}: {_number(value)}" for name, value in r.metrics.items())
    lines = [
        HEADER,
        "release:",
        _noted(f'  id: "{r.id}"', "UTC day and count of that day; given once, promoted unchanged"),
        f'  identity: "{r.identity}"',
        f'  commit: "{r.commit}"',
        "  image:",
        f"    repository: {_plain(r.image.repository)}",
        f'    digest: "{r.image.digest}"',
        f'  model: {{sha256: "{r.model.sha256}"}}',
        f'  data: {{sha256: "{r.data.sha256}", batches: {r.data.batches}, rows: {r.data.rows}}}',
        f'  contract: {{version: {_quoted(r.contract.version)}, sha256: "{r.contract.sha256}"}}',
        _noted(f"  metrics: {{{metrics}}}", "an open map of numbers; every other key is closed by the schema"),
    ]
    return "\n".join(lines) + "\n"


def parse(text: str | bytes, where: str = "release.yaml") -> Record:
    """Read a record from the text of release.yaml.

    Raises:
        MlopsError: It is no YAML, or a key is missing, unknown or of the wrong form; the message names it.
    """
    try:
        return _Document.model_validate(yaml.load(text, LOADER)).release
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
    except ValidationError as error:
        reason = " ".join(_explain(dict(problem)) for problem in error.errors()[:3])
    raise MlopsError(f"{where}: not a release record: {reason} Only mlops writes it: `git revert` the edit.")


def _explain(problem: dict[str, Any]) -> str:
    *parents, key = problem["loc"] or ("",)
    at = ".".join(map(str, (*parents, key))) or "document"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {at!r}{_near(str(key), parents)}."
    if problem["type"] == "missing":
        return f"{at!r} is missing."
    return f"{at!r} is {repr(problem['input'])[:80]}: {problem['msg'][:1].lower()}{problem['msg'][1:]}."


def _near(key: str, parents: list[str | int]) -> str:
    model: Any = _Document
    for parent in parents:
        model = model.model_fields[parent].annotation
    near = difflib.get_close_matches(key, model.model_fields, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _noted(line: str, note: str) -> str:
    return f"{line.ljust(COMMENT_AT - 2)}  # {note}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    """Leave quotes out where YAML reads the bare word as the same text."""
    return text if PLAIN.fullmatch(text) and yaml.safe_load(text) == text else _quoted(text)


def _number(value: float) -> str:
    """Write a number so that YAML 1.1 reads a number: it wants the dot that Python leaves out of 1e-05."""
    text = repr(float(value))
    return text if "." in text else text.replace("e", ".0e")
