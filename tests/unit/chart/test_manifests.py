"""The chart, rendered: what a cluster is asked for."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from baking import PROJECT
from fastapi.routing import APIRoute
from helm import helm
from monitors import ran
from pyhelm3 import Command
from unit.chart.rendering import CASES, CHART, Manifest, case, manifests, of_kind, refusal, run, text, written
from unit.delivery.test_records import HARD_NAMES

from mlops.delivery.records import ContractRef, Data, Image, Model, Record, parse, render
from mlops.serving.__main__ import _parser
from mlops.serving.documents import State, documented
from mlops.serving.record import read_release

pytestmark = pytest.mark.unit

ALWAYS = {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Job"}
KINDS = {
    "minimal": ALWAYS,
    "full": ALWAYS | {"ConfigMap", "HorizontalPodAutoscaler", "Ingress", "PodMonitor", "PrometheusRule"},
    "production": ALWAYS | {"PodMonitor", "PrometheusRule"},
}
NEWEST = sorted({v.rsplit(".", 1)[0] for v in kubernetes_validate.utils.all_versions()}, key=lambda v: int(v[2:]))[-3:]

# Each is a number to some reader of YAML, unless it is quoted.
RECORD = Record(
    id="20130501-2",
    identity="sha256:" + "1" * 64,
    commit="1234567890" * 4,
    image=Image(repository="localhost:5000/team/model", digest="sha256:" + "1e5".zfill(64)),
    model=Model(sha256="0" * 64),
    data=Data(sha256="12e7".zfill(64), batches=4, rows=123456789012),
    contract=ContractRef(version="1.0", sha256="1" * 60 + "e300"),
    metrics={
        **dict.fromkeys(HARD_NAMES, 0.1),
        "tiny": 1e-07,
        "huge": 1e22,
        "one": 1.0,
        "less": -2e-09,
        "third": 1 / 3,
    },
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "release.yaml"
    path.write_text(render(RECORD), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CASES)
def test_helm_lint_finds_nothing(name: str) -> None:
    assert "0 chart(s) failed" in run("lint", "--strict", CHART, "--values", case(name))


def test_helm_lint_finds_a_fault(tmp_path: Path) -> None:
    broken = tmp_path / "chart"
    shutil.copytree(CHART, broken)
    (broken / "Chart.yaml").write_text("apiVersion: v2\nname: mlops\nversion: newest\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"1 chart\(s\) failed"):
        run("lint", "--strict", broken, "--values", case("minimal"))


@pytest.mark.parametrize("name", CASES)
def test_the_kinds_are(name: str, cases: dict[str, list[Manifest]]) -> None:
    assert {manifest["kind"] for manifest in cases[name]} == KINDS[name]
    policies = [manifest for manifest in cases[name] if manifest["kind"] == "NetworkPolicy"]
    assert len(cases[name]) == len(KINDS[name]) - 1 + len(policies)
    assert [policy["metadata"]["name"] for policy in policies] == ["flight-delays", "flight-delays-smoke"]


@pytest.mark.parametrize("version", NEWEST)
def test_kubernetes_knows_every_field(version: str, cases: dict[str, list[Manifest]]) -> None:
    judged = [(kubernetes(manifest, version), manifest) for name in CASES for manifest in cases[name]]
    assert {fault for fault, _ in judged} == {None}


@pytest.mark.parametrize("version", NEWEST)
def test_a_field_that_kubernetes_does_not_know_is_noticed(version: str, cases: dict[str, list[Manifest]]) -> None:
    deployment = copy.deepcopy(of_kind("Deployment", cases["full"]))
    deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailible"] = 0
    assert "maxUnavailible" in str(kubernetes(deployment, version))
    for manifest in cases["full"]:
        known = manifest["apiVersion"] != "monitoring.coreos.com/v1"
        assert (kubernetes({**manifest, "unknown": 0}, version) is not None) == known


def kubernetes(manifest: Manifest, version: str) -> str | None:
    """Judge a manifest by the schema of a version; the Prometheus operator's kinds have none there."""
    if manifest["apiVersion"] == "monitoring.coreos.com/v1":
        return None
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return None


def test_three_versions_are_the_newest() -> None:
    assert len(NEWEST) == 3
    assert [int(version[2:]) for version in NEWEST] >= [35, 36, 37]


def test_twice_is_the_same_byte_for_byte(tmp_path: Path, release: Path) -> None:
    shutil.copytree(CHART, tmp_path / "deploy" / "chart")
    values = PROJECT / "deploy" / "envs" / "staging" / "values.yaml"
    assert text(values, release) == text(values, release, chart=tmp_path / "deploy" / "chart")


def test_pyhelm3_reads_the_same_from_python_as_from_files(cases: dict[str, list[Manifest]]) -> None:
    command = Command(executable=str(helm())).template(
        "flight-delays",
        CHART,
        yaml.safe_load(case("full").read_text(encoding="utf-8")),
        namespace="flight-delays-staging",
    )
    assert list(asyncio.run(command)) == cases["full"]


@pytest.mark.parametrize("env", ["staging", "production"])
def test_each_environments_values_render(env: str, release: Path) -> None:
    values = PROJECT / "deploy" / "envs" / env / "values.yaml"
    told = yaml.safe_load(values.read_text(encoding="utf-8"))
    spec = of_kind("Deployment", manifests(values, release))["spec"]
    assert spec["replicas"] == told["replicas"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == told["resources"]["requests"]
    assert container["resources"]["limits"] == {"memory": "512Mi"}


def test_a_record_that_looks_like_numbers_arrives_verbatim(tmp_path: Path, release: Path) -> None:
    deployment = of_kind("Deployment", manifests(release))
    pod = deployment["spec"]["template"]
    facts = {
        "mlops/release": RECORD.id,
        "mlops/identity": RECORD.identity,
        "mlops/commit": RECORD.commit,
        "mlops/model": RECORD.model.sha256,
        "mlops/data": RECORD.data.sha256,
    }
    assert deployment["metadata"]["annotations"] == facts
    mounted = pod["metadata"]["annotations"].pop("mlops/release.yaml")
    assert pod["metadata"]["annotations"] == facts
    assert pod["spec"]["containers"][0]["image"] == f"{RECORD.image.repository}@{RECORD.image.digest}"
    assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == RECORD.id
    assert parse(mounted) == RECORD
    (tmp_path / "mounted.yaml").write_text(mounted, encoding="utf-8")
    assert read_release(tmp_path / "mounted.yaml") == read_release(release)


def test_the_server_finds_the_record_where_it_is_told(cases: dict[str, list[Manifest]]) -> None:
    pod = of_kind("Deployment", cases["minimal"])["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "release"]
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == "release"]
    (item,) = volume["downwardAPI"]["items"]
    options = _parser().parse_args(["--bundle", "bundle", *container["args"]])
    assert str(options.release) == f"{mount['mountPath']}/{item['path']}"
    (annotation,) = [key for key in pod["metadata"]["annotations"] if f"['{key}']" in item["fieldRef"]["fieldPath"]]
    assert yaml.safe_load(pod["metadata"]["annotations"][annotation])["release"]["id"] == "20130501-2"


def test_the_server_is_run_as_the_values_say(cases: dict[str, list[Manifest]]) -> None:
    (container,) = of_kind("Deployment", cases["full"])["spec"]["template"]["spec"]["containers"]
    options = _parser().parse_args(["--bundle", "bundle", *container["args"]])
    assert (options.concurrency, options.threads, options.workers) == (128, 2, 2)
    assert (options.grace, options.host) == (30, "0.0.0.0")
    assert options.port == container["ports"][0]["containerPort"]
    assert "command" not in container


def test_the_environment_names_the_service_and_what_the_values_add(cases: dict[str, list[Manifest]]) -> None:
    (container,) = of_kind("Deployment", cases["full"])["spec"]["template"]["spec"]["containers"]
    named, *more = container["env"]
    assert named == {"name": "OTEL_SERVICE_NAME", "value": "flight-delays"}
    assert more == yaml.safe_load(case("full").read_text(encoding="utf-8"))["env"]


def test_probes_ask_what_the_server_answers(cases: dict[str, list[Manifest]]) -> None:
    (container,) = of_kind("Deployment", cases["minimal"])["spec"]["template"]["spec"]["containers"]
    routes = {route.path for route in documented(State()).routes if isinstance(route, APIRoute)}
    asked = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
    assert asked == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert set(asked.values()) <= routes


def test_requests_reach_the_pods_and_nothing_else(cases: dict[str, list[Manifest]]) -> None:
    for name, manifests_ in cases.items():
        pod = of_kind("Deployment", manifests_)["spec"]["template"]
        service, policy = of_kind("Service", manifests_)["spec"], policies(manifests_)[0]["spec"]
        budget = of_kind("PodDisruptionBudget", manifests_)["spec"]
        for selector in (service["selector"], policy["podSelector"]["matchLabels"], budget["selector"]["matchLabels"]):
            assert selector.items() <= pod["metadata"]["labels"].items()
            assert "app.kubernetes.io/version" not in selector
        assert service["ports"][0]["targetPort"] == pod["spec"]["containers"][0]["ports"][0]["name"]
        told = yaml.safe_load(case(name).read_text(encoding="utf-8"))
        assert policy["egress"] == told.get("allowTo", [])
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert policy["ingress"][0]["ports"] == [{"port": "http"}]
        spread = pod["spec"]["topologySpreadConstraints"]
        assert [rule["topologyKey"] for rule in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def policies(among: list[Manifest]) -> list[Manifest]:
    """Pick the policy of the server and that of the smoke test."""
    return [manifest for manifest in among if manifest["kind"] == "NetworkPolicy"]


def test_the_load_decides_alone_how_many_pods_there_are(cases: dict[str, list[Manifest]]) -> None:
    assert "replicas" not in of_kind("Deployment", cases["full"])["spec"]
    assert of_kind("Deployment", cases["minimal"])["spec"]["replicas"] == 1
    scaler = of_kind("HorizontalPodAutoscaler", cases["full"])
    assert scaler["metadata"]["annotations"] == {"argocd.argoproj.io/ignore-healthcheck": "true"}
    scaled = scaler["spec"]
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (3, 12)
    assert scaled["scaleTargetRef"]["name"] == of_kind("Deployment", cases["full"])["metadata"]["name"]


def test_fewest_is_not_more_than_most(tmp_path: Path) -> None:
    wrong = written(tmp_path / "values.yaml", {"autoscaling": {"enabled": True, "min": 7}})
    assert "autoscaling.min is 7 and must not be more than autoscaling.max, 6" in refusal(case("minimal"), wrong)


def test_a_pod_that_may_still_load_does_not_count_as_failed(tmp_path: Path) -> None:
    wrong = written(tmp_path / "values.yaml", {"server": {"startup": 300}})
    assert "progressDeadline is 300 and must be more than server.startup, 300" in refusal(case("minimal"), wrong)


def test_without_a_release_it_says_what_is_missing() -> None:
    said = refusal(PROJECT / "deploy" / "envs" / "staging" / "values.yaml")
    assert "no `release`: add the environment's record, --values deploy/envs/<env>/release.yaml" in said


def test_monitors_watch_this_release(cases: dict[str, list[Manifest]]) -> None:
    monitor, rule = (of_kind(kind, cases["full"]) for kind in ("PodMonitor", "PrometheusRule"))
    pod = of_kind("Deployment", cases["full"])["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "http", "path": "/metrics", "interval": "15s"}
    assert monitor["metadata"]["labels"]["prometheus"] == rule["metadata"]["labels"]["prometheus"] == "main"
    rules: list[dict[str, Any]] = rule["spec"]["groups"][0]["rules"]
    for alert in rules:
        assert 'namespace="flight-delays-staging", deployment="flight-delays"' in alert["expr"]
        assert {"summary", "description", "runbook_url"} == set(alert["annotations"])


def test_feedback_finds_its_key_and_its_folder(cases: dict[str, list[Manifest]]) -> None:
    pod = of_kind("Deployment", cases["full"])["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = _parser().parse_args(["--bundle", "bundle", *container["args"]])
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    secret = volumes[mounts[str(options.signing_key.parent)]]["secret"]
    assert (secret["secretName"], secret["items"][0]["path"]) == ("model-feedback", options.signing_key.name)
    claim = volumes[mounts[str(options.feedback)]]["persistentVolumeClaim"]
    assert (claim["claimName"], options.late_after) == ("model-feedback", "14d")
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_without_a_secret_there_is_no_feedback_and_a_claim_alone_is_refused(
    cases: dict[str, list[Manifest]], tmp_path: Path
) -> None:
    pod = of_kind("Deployment", cases["minimal"])["spec"]["template"]["spec"]
    assert "feedback" not in str(pod["containers"])
    assert {volume["name"] for volume in pod["volumes"]} == {"release", "tmp"}
    values = written(tmp_path / "values.yaml", {"feedback": {"claim": "c"}})
    assert "Name a Secret" in refusal(case("minimal"), values)


def test_rules_and_dashboard_are_of_this_release(cases: dict[str, list[Manifest]], tmp_path: Path) -> None:
    groups = of_kind("PrometheusRule", cases["full"])["spec"]["groups"]
    written = yaml.safe_load((CHART / "monitoring" / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    assert [group["name"] for group in groups[1:]] == [group["name"] for group in written]
    text = str(groups)
    assert '=~".+"' not in text and 'job="flight-delays-staging/flight-delays"' in text
    names = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    assert names == {rule["record"] for group in written for rule in group["rules"] if "record" in rule}
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    # Another environment in the same Prometheus records under the same names.
    read = [found for text in expressions for found in re.findall(r"[a-z]+:mlops_\w+:\w+\b(?:{([^,}]*))?", text)]
    assert set(read) == {'job="flight-delays-staging/flight-delays"'}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    checked = ran("promtool", "check", "rules", "rules.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    pages = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert all(page.startswith("https://example.com/project/docs/guides/alerts.md#") for page in pages)
    board = of_kind("ConfigMap", cases["full"])
    ((_, content),) = board["data"].items()
    assert json.loads(content)["title"] == "flight-delays-staging/flight-delays"
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert not [m for m in cases["minimal"] if m["kind"] in ("ConfigMap", "PrometheusRule")]
