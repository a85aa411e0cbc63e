"""The job that asks a new release, and the Ingress, rendered."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.chart.rendering import CHART, Manifest, case, manifests, of_kind, refusal, run, written
from unit.chart.test_manifests import policies

from mlops.delivery.image import MACHINERY
from mlops.serving import smoke

pytestmark = pytest.mark.unit


def job(rendered: list[Manifest]) -> Manifest:
    return of_kind("Job", rendered)


def test_it_asks_the_service_of_this_release(cases: dict[str, list[Manifest]]) -> None:
    for name, port in (("minimal", 80), ("full", 8080)):
        pod = job(cases[name])["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        server = of_kind("Deployment", cases[name])["spec"]["template"]
        assert container["image"] == server["spec"]["containers"][0]["image"]
        assert container["command"] == [
            "/opt/venv/bin/python",
            "-m",
            "mlops.serving.smoke",
            "--bundle=/srv/mlops/bundle",
        ]
        assert container["args"][0] == f"--url=http://$(FLIGHT_DELAYS_SERVICE_HOST):{port}"
        assert pod["spec"]["enableServiceLinks"] is True
        record = "mlops/release.yaml"
        assert pod["metadata"]["annotations"][record] == server["metadata"]["annotations"][record]
        assert pod["spec"]["volumes"][0] == server["spec"]["volumes"][0]
        assert container["volumeMounts"][0] == server["spec"]["containers"][0]["volumeMounts"][0]
        given = ["--url=http://10.0.0.1:80", *container["command"][3:], *container["args"][1:]]
        assert (
            smoke.main([*given, "--timeout=0"]) == 2
        )  # every option is known; what fails is the file that is not there
    assert any(smoke.__name__.replace(".", "/").startswith(part.removeprefix("src/")) for part in MACHINERY)


def test_it_waits_longer_than_the_release_may_take(cases: dict[str, list[Manifest]]) -> None:
    for rendered in cases.values():
        spec = job(rendered)["spec"]
        deadline = of_kind("Deployment", rendered)["spec"]["progressDeadlineSeconds"]
        timeout = int(spec["template"]["spec"]["containers"][0]["args"][2].removeprefix("--timeout="))
        assert deadline < timeout < spec["activeDeadlineSeconds"]


def test_nothing_of_the_server_takes_its_pod_for_one_of_its_own(cases: dict[str, list[Manifest]]) -> None:
    for rendered in cases.values():
        labels = job(rendered)["spec"]["template"]["metadata"]["labels"].items()
        for selector in selectors([m for m in rendered if m["metadata"]["name"] != "flight-delays-smoke"]):
            if not selector.items() <= {"kubernetes.io/metadata.name": "ingress"}.items():
                assert "smoke" in str(selector) or not selector.items() <= labels, selector


def selectors(part: Any) -> list[dict[str, str]]:
    """List every set of labels by which something picks pods."""
    found = []
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "matchLabels" or (key == "selector" and "matchLabels" not in value):
            found.append(value)
        else:
            found += selectors(value)
    return found


def test_a_selector_that_takes_it_is_found(cases: dict[str, list[Manifest]]) -> None:
    mutant = copy.deepcopy(cases["minimal"])
    del of_kind("Service", mutant)["spec"]["selector"]["app.kubernetes.io/name"]
    with pytest.raises(AssertionError):
        test_nothing_of_the_server_takes_its_pod_for_one_of_its_own({"mutant": mutant})


def test_another_release_or_value_is_another_job(tmp_path: Path) -> None:
    names = [job(manifests(case("minimal")))["metadata"]["name"]]
    assert job(manifests(case("minimal")))["metadata"]["name"] == names[0]
    assert re.fullmatch("flight-delays-smoke-[0-9a-f]{8}", names[0])
    for values in ({"replicas": 2}, {"release": {"id": "20130501-3"}}, {"allowFrom": [{"podSelector": {}}]}):
        names.append(job(manifests(case("minimal"), written(tmp_path / "v.yaml", values)))["metadata"]["name"])
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    template = chart / "templates" / "smoke.yaml"
    template.write_text(
        template.read_text().replace("terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 2")
    )
    names.append(job(manifests(case("minimal"), chart=chart))["metadata"]["name"])
    assert len(set(names)) == len(names) == 5


def test_the_longest_name_has_room_for_it() -> None:
    rendered = list(yaml.safe_load_all(run("template", "m" * 53, CHART, "--values", case("minimal"))))
    assert max(len(manifest["metadata"]["name"]) for manifest in rendered) == 63


def test_who_may_connect_includes_it_and_it_may_connect_to_the_server_alone(cases: dict[str, list[Manifest]]) -> None:
    labels = job(cases["full"])["spec"]["template"]["metadata"]["labels"].items()
    server, own = (policy["spec"] for policy in policies(cases["full"]))
    (rule,) = server["ingress"]
    assert [peer["podSelector"]["matchLabels"].items() <= labels for peer in rule["from"] if "podSelector" in peer] == [
        True
    ]
    assert len(rule["from"]) == 3
    assert "from" not in policies(cases["minimal"])[0]["spec"]["ingress"][0]
    assert own["podSelector"]["matchLabels"].items() <= labels
    assert (own["policyTypes"], own["ingress"]) == (["Ingress", "Egress"], [])
    (way,) = own["egress"]
    pod = of_kind("Deployment", cases["full"])["spec"]["template"]
    assert way["ports"] == [{"port": pod["spec"]["containers"][0]["ports"][0]["containerPort"]}]
    assert [peer["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items() for peer in way["to"]] == [
        True
    ]


def test_it_can_be_left_out(tmp_path: Path) -> None:
    off = written(tmp_path / "values.yaml", {"smoke": {"enabled": False}, "allowFrom": [{"podSelector": {}}]})
    rendered = manifests(case("minimal"), off)
    assert "Job" not in {manifest["kind"] for manifest in rendered}
    assert "smoke" not in str(rendered)


def test_where_no_pod_is_wanted_nobody_is_asked(tmp_path: Path) -> None:
    none: dict[str, Any] = {"replicas": 0}
    assert "Job" not in {m["kind"] for m in manifests(case("minimal"), written(tmp_path / "none.yaml", none))}
    load = {**none, "autoscaling": {"enabled": True}}
    assert "Job" in {m["kind"] for m in manifests(case("minimal"), written(tmp_path / "load.yaml", load))}


def test_an_ingress_leads_to_the_service(cases: dict[str, list[Manifest]]) -> None:
    ingress = of_kind("Ingress", cases["full"])
    assert ingress["metadata"]["annotations"] == {
        "argocd.argoproj.io/ignore-healthcheck": "true",
        "nginx.ingress.kubernetes.io/limit-rps": "5",
    }
    hosts = ["model.example.com", "model.example.org"]
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "model-tls", "hosts": hosts}]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == hosts
    service = of_kind("Service", cases["full"])
    for rule in ingress["spec"]["rules"]:
        paths = rule["http"]["paths"]
        assert [path["path"] for path in paths] == ["/predict", "/feedback", "/version", "/docs", "/openapi.json"]
        for path in paths:
            assert path["backend"]["service"]["name"] == service["metadata"]["name"]
            assert path["backend"]["service"]["port"]["name"] == service["spec"]["ports"][0]["name"]


def test_an_ingress_without_more_than_a_host(tmp_path: Path) -> None:
    values = {"ingress": {"enabled": True, "hosts": ["a.example.com"]}}
    ingress = of_kind("Ingress", manifests(case("minimal"), written(tmp_path / "values.yaml", values)))
    assert set(ingress["spec"]) == {"rules"}
    values["ingress"]["paths"] = ["/"]
    everything = of_kind("Ingress", manifests(case("minimal"), written(tmp_path / "values.yaml", values)))
    assert [path["path"] for path in everything["spec"]["rules"][0]["http"]["paths"]] == ["/"]
    own = {"argocd.argoproj.io/ignore-healthcheck": "false"}
    values = {"ingress": {"enabled": True, "hosts": ["a.example.com"], "annotations": own}}
    ingress = of_kind("Ingress", manifests(case("minimal"), written(tmp_path / "values.yaml", values)))
    assert ingress["metadata"]["annotations"] == own


def test_an_ingress_without_a_host_is_refused(tmp_path: Path) -> None:
    wrong = written(tmp_path / "values.yaml", {"ingress": {"enabled": True}})
    assert "ingress.enabled is true and ingress.hosts names none" in refusal(case("minimal"), wrong)
