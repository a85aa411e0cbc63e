"""What /metrics tells of requests, rows and outcomes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from baking import PROJECT
from monitors import tool
from prometheus_client.parser import text_string_to_metric_families
from unit.serving.bundle_factory import ROW, make_bundle, release_facts, write_release
from unit.serving.processes import Server, ask, serving
from unit.serving.test_server import CODE

from mlops.serving.bins import Coder
from mlops.serving.metrics import Telemetry
from mlops.serving.metrics_spot import Cuts
from mlops.serving.predictor import Predictor
from mlops.serving.profile import Monitored, Outcomes, Part, Profile, Slice

pytestmark = pytest.mark.unit

CRITICAL = {"distribution": 20.0}
WHOLE = Part(None, {"0": 5.0}, CRITICAL)  # type: ignore[arg-type]
NORTH = Part(Slice("depot", "north"), {"0": 3.0}, CRITICAL)  # type: ignore[arg-type]
PROFILE = Profile(
    100,
    None,
    None,
    (
        Monitored("input", "länge cm", "number", (10.0, 20.0, 40.0), (1.0, 200.0), parts=(WHOLE,)),
        Monitored("input", "stops", "number", (2.0, 5.0), parts=(WHOLE, NORTH)),
        Monitored("input", "depot", "category", categories=("north",), known=("north", "south"), parts=(WHOLE, NORTH)),
        Monitored("input", "express", "category", categories=("1.0",), parts=(WHOLE,)),
        Monitored("input", "iban", "presence", parts=(WHOLE,)),
        Monitored("prediction", "late", "number", (0.2, 0.4, 0.6), parts=(WHOLE,)),
    ),
    {"depot": ("north", "south")},
    (Outcomes(None, {"0/1": 3.0, "1/1": 4.0, "1/0": 2.0}),),
)
RELEASE = "20240501-1"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def scraped(server: Server) -> Samples:
    return samples(server.request("GET", "/metrics").body.decode())


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle with a profile, and its release.yaml."""
    folder = tmp_path_factory.mktemp("profiled")
    bundle = make_bundle(folder / "b")
    PROFILE.dump(bundle / "profile.json")
    return bundle, write_release(folder / "release.yaml", release_facts(bundle))


@pytest.fixture
def served(profiled: tuple[Path, Path]) -> tuple[Predictor, Telemetry]:
    predictor, telemetry = Predictor.load(profiled[0], release_facts(profiled[0])), Telemetry()
    scorer = predictor.scorer
    telemetry.loaded(scorer.contract, scorer.task, predictor.profile, predictor.release, predictor.model_sha256)
    return predictor, telemetry


def told(telemetry: Telemetry) -> Samples:
    return samples(telemetry.exposition()[0].decode())


@pytest.mark.parametrize("size", [1, 3, 40])
def test_rows_fall_into_the_bins_of_the_profile_however_many_come(
    served: tuple[Predictor, Telemetry], size: int
) -> None:
    predictor, telemetry = served
    changes = [{}, {"länge cm": 0.5, "stops": None}, {"depot": "west", "iban": None, "express": None}, {"depot": None}]
    rows = [ROW | changes[n % 4] | {"stops": n % 9 if n % 4 != 1 else None} for n in range(40)]
    for at in range(0, 40, size):
        checked, n = predictor.checker.check(rows[at : at + size]), len(rows[at : at + size])
        telemetry.predicted(checked.columns, np.full((n, 2), 0.5), [True] * n, checked.warnings)
    found = told(telemetry)
    whole = {"release": RELEASE, "kind": "input", "slice": ""}
    assert value(found, "mlops_rows_total", column="länge cm", bin="below", **whole) == 10
    assert value(found, "mlops_rows_total", column="länge cm", bin="3", **whole) == 30
    assert value(found, "mlops_rows_total", column="stops", bin="null", **whole) == 10
    assert value(found, "mlops_rows_total", column="depot", bin="unseen", **whole) == 10
    assert value(found, "mlops_rows_total", column="depot", bin="null", **whole) == 10
    assert value(found, "mlops_rows_total", column="iban", bin="null", **whole) == 10
    assert value(found, "mlops_rows_total", column="express", bin="0", **whole) == 30
    north = whole | {"slice": "depot=north"}
    stops = [rows[n]["stops"] for n in range(40) if n % 4 in (0, 1)]
    assert value(found, "mlops_rows_total", column="stops", bin="null", **north) == 10
    assert value(found, "mlops_rows_total", column="stops", bin="0", **north) == sum(
        s is not None and s <= 2 for s in stops
    )
    assert value(found, "mlops_predictions_total", release=RELEASE, slice="", prediction="True") == 40
    assert value(found, "mlops_predictions_total", release=RELEASE, slice="depot=north", prediction="True") == 20
    predicted = whole | {"kind": "prediction", "column": "late"}
    assert value(found, "mlops_rows_total", bin="2", **predicted) == 40
    assert value(found, "mlops_warnings_total", column="depot", rule="enum") == (10 if size < 40 else 1)


def test_the_quick_way_to_count_numbers_is_the_coders() -> None:
    random = np.random.default_rng(0)
    for case in range(100):
        edges = tuple(sorted(set(random.integers(-5, 5, case % 6).astype(float).tolist())))
        ends = None if case % 3 == 0 else (float(random.integers(-6, 0)), float(random.integers(0, 6)))
        column = Monitored("input", "x", "number", edges, ends)
        values = random.choice([*np.arange(-8, 8, 0.5), np.nan, np.inf, -np.inf], 40)
        cuts, due = Cuts.of(column), np.bincount(Coder(column).codes(values), minlength=len(column.labels))
        found = np.zeros_like(due)
        found[cuts.places] += cuts.counts(values)
        assert found.tolist() == due.tolist()


def test_outcomes_are_told_so_that_one_sum_gives_the_ranking(served: tuple[Predictor, Telemetry]) -> None:
    _, telemetry = served
    for score, outcome in ((0.1, False), (0.3, True), (0.9, True)):
        telemetry.outcome(RELEASE, ["depot=north", "depot=other"], score, outcome)
    telemetry.feedback("late")
    found = told(telemetry)
    for name in ("", "depot=north"):
        place = {"release": RELEASE, "slice": name}
        assert value(found, "mlops_outcomes_total", bin="3", outcome="1", **place) == 1
        assert [value(found, "mlops_outcomes_below_total", bin=b, outcome="0", **place) for b in "0123"] == [0, 1, 1, 1]
    assert value(found, "mlops_feedback_total", result="late") == 1
    reference = {"release": RELEASE, "slice": ""}
    assert value(found, "mlops_reference_outcomes", bin="1", outcome="1", **reference) == 4
    assert value(found, "mlops_reference_outcomes_below", bin="3", outcome="1", **reference) == 7


def test_every_combination_is_there_from_the_start_and_nothing_of_a_client(profiled: tuple[Path, Path]) -> None:
    bundle, release = profiled
    with serving(bundle, "--release", str(release)) as server:
        before = scraped(server)
        server.predict(ROW | {"CLIENT-TEXT": 1})
        server.predict(ROW | {"iban": "CLIENT-TEXT", "depot": "CLIENT-TEXT", "parcel.id": "CLIENT-TEXT"})
        server.predict(ROW | {"weight": 31}, ROW | {"weight": 32, "note": "CLIENT-TEXT"})
        server.request("GET", "/CLIENT-TEXT")
        server.request("CLIENT", "/predict")
        after = scraped(server)
    assert set(after) == set(before)
    assert "CLIENT" not in str(after)
    assert value(after, "mlops_refusals_total", column="", rule="unknown") == 1
    assert value(after, "mlops_refusals_total", column="weight", rule="maximum") == 1
    assert value(after, "mlops_refusals_total", column="note", rule="unwanted") == 1
    assert value(after, "mlops_requests_total", route="other", status="404") == 1
    assert value(after, "mlops_requests_total", route="/predict", status="422") == 2
    assert (
        value(after, "mlops_predictions_total", release=RELEASE, slice="", prediction="True")
        + value(after, "mlops_predictions_total", release=RELEASE, slice="", prediction="False")
        == 1
    )
    assert value(after, "mlops_requests_in_flight") == 0
    assert value(after, "mlops_release_timestamp_seconds", release=RELEASE) == 1714521600


def test_a_label_of_a_clients_text_would_be_noticed(served: tuple[Predictor, Telemetry]) -> None:
    """The mutant of the test above: a refusal that names the client's column counts nowhere."""
    _, telemetry = served
    before = told(telemetry)
    telemetry.refused([("CLIENT-TEXT", "unknown"), ("iban", "CLIENT-TEXT")])
    telemetry.ended("other", 418, 0.1)
    assert set(told(telemetry)) == set(before)
    assert sum(v for (name, _), v in told(telemetry).items() if name == "mlops_refusals_total") == 0


def test_a_bundle_without_a_profile_is_served(server: Server) -> None:
    assert server.predict(ROW).status == 200
    found = scraped(server)
    assert value(found, "mlops_requests_total", route="/predict", status="200") >= 1
    assert not any(name.startswith(("mlops_rows", "mlops_reference", "mlops_outcomes")) for name, _ in found)


def test_metrics_are_told_while_loading_and_while_draining(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    bundle = make_bundle(tmp_path / "b", features=f"open({str(tmp_path / 'gate')!r}).read()\n" + CODE)
    with serving(bundle, until="listen") as server:
        assert server.predict(ROW).status == 503
        assert value(scraped(server), "mlops_refusals_total", column="", rule="loading") == 1
        (tmp_path / "gate").write_text("")
        server.wait_for("start")
        idle = server.connect()
        assert ask(idle, "GET", "/livez").status == 200
        server.process.terminate()
        server.wait_for("drain")
        assert value(samples(ask(idle, "GET", "/metrics").body.decode()), "mlops_requests_in_flight") == 0
        assert server.end() == 0


@pytest.fixture(scope="module")
def texts(profiled: tuple[Path, Path]) -> Iterator[tuple[str, str]]:
    """The exposition in both formats."""
    bundle, release = profiled
    with serving(bundle, "--release", str(release)) as server:
        accepts = ("text/plain", "application/openmetrics-text;version=1.0.0")
        answers = [server.request("GET", "/metrics", headers={"Accept": accept}) for accept in accepts]
    assert answers[1].headers["content-type"].startswith("application/openmetrics-text")
    yield answers[0].body.decode(), answers[1].body.decode()


def test_a_version_that_is_no_number_gets_the_plain_format() -> None:
    assert Telemetry().exposition("application/openmetrics-text;version=new")[1].startswith("text/plain")


def test_promtool_and_the_parser_of_openmetrics_find_no_fault(texts: tuple[str, str]) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

    assert len(list(openmetrics(texts[1]))) > 15
    promtool = tool("promtool")
    done = subprocess.run([promtool, "check", "metrics"], input=texts[0], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    bad = texts[0] + "# HELP x_seconds_total x\n# TYPE x_seconds_total gauge\nx_seconds_total 1\n"
    assert subprocess.run([promtool, "check", "metrics"], input=bad, capture_output=True, text=True).returncode != 0


def test_the_guide_names_what_is_told(texts: tuple[str, str]) -> None:
    guide = (PROJECT / "docs" / "guides" / "telemetry.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(mlops_\w+)` \|", guide, re.MULTILINE))
    of_regression = {"mlops_outcome_error_total", "mlops_outcome_squared_error_total"}
    of_regression |= {"mlops_reference_outcome_error", "mlops_reference_outcome_squared_error"}
    assert table == set(re.findall(r"^# TYPE (\S+)", texts[0], re.MULTILINE)) | of_regression


def test_what_other_vendors_are_configured_with_fits_what_is_told(texts: tuple[str, str]) -> None:
    told = set(re.findall(r"^# TYPE (\S+)", texts[0], re.MULTILINE))
    made = {
        name: yaml.safe_load(re.sub("{{|}}", "", (PROJECT / "deploy" / "monitoring" / f"{name}.yaml").read_text()))
        for name in ("datadog", "newrelic", "elastic")
    }
    (datadog,) = made["datadog"]["instances"]
    assert datadog["openmetrics_endpoint"].endswith(":8000/metrics")
    (kept,) = made["newrelic"]["remote_write"][0]["write_relabel_configs"]
    for pattern in (*datadog["metrics"], kept["regex"]):
        assert all(re.fullmatch(pattern, name) for name in told)
    assert {"ndjson": {"overwrite_keys": True, "expand_keys": True, "add_error_key": True}} in made["elastic"][
        "filebeat.inputs"
    ][0]["parsers"]
