"""The bar is the base branch's: what a pull request may not move by itself."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

from mlops.contract.document import parse as parse_contract
from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.gates import base as bases
from mlops.pipeline.params import parse

POINTER = "outs:\n- md5: {}\n  size: 1\n  path: {}\n"
PARAMS = "task: binary\npositive: true\nlabel_delay: 1d\nsplit: {method: time, test: 20%}\n"
GATES = "metric: roc_auc\nmargin: 0.005\n"
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
schema: [{name: a, properties: [{name: y, logicalType: boolean, tags: [target]}, {name: x, logicalType: number}]}]
"""
TWO = CONTRACT.replace("logicalType: number}]", "logicalType: number}, {name: w, logicalType: number}]")
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]


@pytest.fixture
def repository(tmp_path: Path) -> Git:
    for name, text in {
        "gates.yaml": GATES,
        "params.yaml": PARAMS,
        "contract.yaml": CONTRACT,
        "data/raw/0001-a.csv.dvc": POINTER.format("aa", "0001-a.csv"),
        "data/raw/0002-b.csv.dvc": POINTER.format("bb", "0002-b.csv"),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "base"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return Git(tmp_path)


def test_the_base_is_read_from_git_not_from_the_working_tree(repository: Git) -> None:
    (repository.root / "gates.yaml").write_text("metric: accuracy\nmargin: 0.5\n")
    base = bases.read(repository, "main")
    assert base.gates is not None
    assert base.contract is not None
    assert (base.gates.metric, base.contract.target.name, base.batches) == (
        "roc_auc",
        "y",
        {"0001-a.csv": "aa", "0002-b.csv": "bb"},
    )


def test_a_revision_that_is_not_there(repository: Git) -> None:
    with pytest.raises(MlopsError, match="'mian' is no commit"):
        bases.read(repository, "mian")


@pytest.mark.parametrize(
    ("ours", "outcome", "words"),
    [
        ({"0001-a.csv": "aa", "0002-b.csv": "bb"}, "pass", "No batch added"),
        ({"0001-a.csv": "aa", "0002-b.csv": "bb", "0003-c.csv": "cc"}, "pass", "Added: 0003-c.csv"),
        ({"0001-a.csv": "aa", "0002-b.csv": "xx"}, "block", "0002-b.csv is changed"),
        ({"0002-b.csv": "bb"}, "block", "0001-a.csv is dropped"),
        ({"0001-b.csv": "aa", "0002-b.csv": "bb"}, "block", "0001-a.csv is dropped"),
    ],
)
def test_batches_are_added_only(repository: Git, ours: dict[str, str], outcome: str, words: str) -> None:
    check = bases.check_batches(bases.read(repository, "main").batches, ours)
    assert (check.outcome, words in check.words) == (outcome, True), check.words


def test_a_batch_that_nobody_else_has_is_refused(repository: Git) -> None:
    base = bases.read(repository, "main").batches
    assert bases.check_batches(base, base, base).outcome == "pass"
    check = bases.check_batches(base, base, [*base, "0003-mine.csv"])
    assert (check.outcome, "DVC does not know 0003-mine.csv" in check.words) == ("block", True)


@pytest.mark.parametrize(
    ("change", "target", "words"),
    [
        (("binary", "multiclass"), "y", "task is 'multiclass' here and 'binary' on the base branch"),
        (("positive: true", "positive: false"), "y", "positive is False here"),
        (("", ""), "x", "target is 'x' here and 'y' on the base branch"),
    ],
)
def test_another_question_is_not_judged_by_this_bar(
    repository: Git, change: tuple[str, str], target: str, words: str
) -> None:
    with pytest.raises(MlopsError, match=words):
        bases.check_question(bases.read(repository, "main"), parse(PARAMS.replace(*change)), target)


NO_TIME = PARAMS.replace("{method: time, test: 20%}", "{method: random, test: 20%}")


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        ("", "", False),
        ("test: 20%", "test: 10%", True),
        ("1d", "2d", True),
        ("split", "window: {sliding: 2}\nsplit", True),
        ("name: x", "name: x, tags: [excluded]", False),
        ("name: x", "name: z", True),
        ("name: x", "name: x, tags: [id]", True),
        ("name: x", "name: x, tags: [group]", True),
        ("x, logicalType: number", "x, logicalType: string", True),
        ("status: active", "status: active\ncustomProperties: [{property: timezone, value: Asia/Tokyo}]", True),
    ],
)
def test_a_moved_split_is_noticed_wherever_it_is_moved(repository: Git, old: str, new: str, differ: bool) -> None:
    base = bases.Base("", None, parse(NO_TIME), parse_contract(TWO), {})
    found = bases.rows_differ(base, parse(NO_TIME.replace(old, new)), parse_contract(TWO.replace(old, new)))
    assert found is differ


@pytest.mark.parametrize("method", ["time", "random"])
def test_other_words_or_limits_of_a_key_move_no_row(method: str) -> None:
    keys = "{name: at, logicalType: timestamp, tags: [time]}, {name: n, logicalType: integer, tags: [id]}]"
    text = TWO.replace("{name: w, logicalType: number}]", keys)
    said = text.replace("tags: [time]", "tags: [time], description: when").replace(
        "tags: [id]", "tags: [id], required: true"
    )
    params = parse(NO_TIME.replace("random", method))
    assert not bases.rows_differ(bases.Base("", None, params, parse_contract(text), {}), params, parse_contract(said))


def test_a_branch_that_lacks_what_the_base_has_is_not_judged(repository: Git) -> None:
    run = functools.partial(subprocess.run, cwd=repository.root, check=True)
    run([*GIT, "switch", "-q", "-c", "mine"])
    bases.require_up_to_date(repository, repository.rev_parse("main"))
    run([*GIT, "switch", "-q", "main"])
    for name, fine in (("deploy/envs/staging/release.yaml", True), ("gates.yaml", False)):
        path = repository.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("metric: r2\nmargin: 1\n")
        run([*GIT, "add", "."])
        run([*GIT, "commit", "-q", "-m", name])
        run([*GIT, "checkout", "-q", "mine"])
        main = repository.rev_parse("main")
        if fine:
            bases.require_up_to_date(repository, main)
        else:
            with pytest.raises(MlopsError, match="The base branch has moved on"):
                bases.require_up_to_date(repository, main)
        run([*GIT, "checkout", "-q", "main"])
