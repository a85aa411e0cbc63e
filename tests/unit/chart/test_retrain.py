"""The receiver of alerts in the chart: off unless asked for, as locked up as the server, and told what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from baking import PROJECT
from unit.chart.guards import hardened, restricted
from unit.chart.rendering import CASES, CHART, Manifest, case, manifests, of_kind, refusal, text, written
from unit.chart.test_manifests import NEWEST

from mlops.contract.errors import MlopsError
from mlops.serving.receiver import application

pytestmark = pytest.mark.unit

NAME = "flight-delays-retrain"


@pytest.fixture(scope="module")
def receiver() -> list[Manifest]:
    return [m for m in manifests(case("retrain")) if m["metadata"]["name"] == NAME]


def container(receiver: list[Manifest]) -> dict[str, Any]:
    (found,) = of_kind("Deployment", receiver)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environ(receiver: list[Manifest]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(receiver)["env"]}


@pytest.mark.parametrize("name", CASES)
def test_it_is_off_unless_asked_for(cases: dict[str, list[Manifest]], name: str) -> None:
    assert not [m for m in cases[name] if "retrain" in m["metadata"]["name"]]


def test_it_is_what_clusters_take_and_as_locked_up_as_the_server(receiver: list[Manifest]) -> None:
    assert {m["kind"] for m in receiver} == {"Deployment", "Service", "NetworkPolicy"}
    for manifest in receiver:
        for version in NEWEST:
            kubernetes_validate.validate(manifest, version, strict=True)
    pod = of_kind("Deployment", receiver)["spec"]["template"]["spec"]
    assert [*restricted(pod), *hardened(pod)] == []
    server = next(m for m in manifests(case("retrain")) if m["kind"] == "Deployment" and m not in receiver)
    assert container(receiver)["image"] == server["spec"]["template"]["spec"]["containers"][0]["image"]


def test_no_selector_of_the_servers_matches_it(receiver: list[Manifest]) -> None:
    labels = of_kind("Deployment", receiver)["spec"]["template"]["metadata"]["labels"]
    selectors = [spec_selector(m) for m in manifests(case("retrain")) if m["metadata"]["name"] == "flight-delays"]
    assert selectors and not [s for s in selectors if s and s.items() <= labels.items()]
    assert all(spec_selector(m).items() <= labels.items() for m in receiver)


def spec_selector(manifest: Manifest) -> dict[str, str]:
    spec = manifest.get("spec", {})
    found = spec.get("selector") or spec.get("podSelector") or {}
    return dict(found.get("matchLabels", found))


def test_the_program_takes_what_the_chart_tells_it(receiver: list[Manifest], tmp_path: Path) -> None:
    told = environ(receiver)
    mounted = container(receiver)["volumeMounts"][0]["mountPath"]
    names = [value for name, value in told.items() if name.endswith("TOKEN_FILE")]
    assert {Path(name).parent.as_posix() for name in names} == {mounted}
    assert {Path(name).name for name in names} == {"bearer-token", "forge-token", "trigger-token"}
    for name in names:
        (tmp_path / Path(name).name).write_text("a-token-of-ours")
    here = {name: value.replace(mounted, str(tmp_path)) for name, value in told.items()}
    app = application(here)
    place = app._actor._forge._place  # type: ignore[attr-defined]
    assert (place.api, place.repository) == ("https://gitlab.example.com/api/v4", "team/models/project")
    assert (place.branch, place.workflow) == ("trunk", "retrain.yml") and app._actor._cooldown.total_seconds() == 43200
    with pytest.raises(MlopsError, match="REPOSITORY"):
        application({**here, "MLOPS_RECEIVER_REPOSITORY": ""})


def test_the_secret_is_a_volume_and_no_variable(receiver: list[Manifest]) -> None:
    (volume,) = of_kind("Deployment", receiver)["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == "retrain-tokens"
    assert not [one for one in container(receiver)["env"] if "valueFrom" in one]


def test_it_reaches_the_forge_and_a_name_server_and_is_reached_by_whom_the_values_say(
    receiver: list[Manifest], tmp_path: Path
) -> None:
    spec = of_kind("NetworkPolicy", receiver)["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"] and spec["ingress"][0]["ports"] == [{"port": "http"}]
    assert spec["ingress"][0]["from"][0]["namespaceSelector"]
    assert spec["egress"][1:] == [{"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]}]
    assert {port["port"] for port in spec["egress"][0]["ports"]} == {53}
    bare = written(tmp_path / "values.yaml", {"retrain": {"allowTo": [], "allowFrom": [], "forge": "github"}})
    found = [m for m in manifests(case("retrain"), bare) if m["metadata"]["name"] == NAME]
    spec = of_kind("NetworkPolicy", found)["spec"]
    assert spec["egress"][1:] == [{"ports": [{"port": 443}]}] and "from" not in spec["ingress"][0]
    assert not [one for one in environ(found) if "TRIGGER" in one]


WRONG = {
    "no repository": ({"repository": ""}, "retrain.repository is empty"),
    "no secret": ({"secret": ""}, "retrain.secret is empty"),
    "another forge": ({"forge": "svn"}, "forge"),
    "a repository that is an address": ({"repository": "https://x/y"}, "repository"),
    "no cooldown": ({"cooldown": "soon"}, "cooldown"),
    "an unknown key": ({"token": "x"}, "token"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_helm_refuses(wrong: str, tmp_path: Path) -> None:
    values, said = WRONG[wrong]
    assert said in refusal(case("retrain"), written(tmp_path / "values.yaml", {"retrain": values}))


def test_mutant_a_receiver_that_may_write_is_found(receiver: list[Manifest]) -> None:
    template = (CHART / "templates" / "retrain.yaml").read_text(encoding="utf-8")
    assert template.count('include "mlops.containerSecurity"') == template.count('include "mlops.podSecurity"') == 1
    pod = of_kind("Deployment", receiver)["spec"]["template"]["spec"]
    without = {**pod, "containers": [{**pod["containers"][0], "securityContext": {}}]}
    assert restricted(without) and hardened(without)


def test_it_is_documented() -> None:
    guide = (PROJECT / "docs" / "guides" / "retraining.md").read_text(encoding="utf-8")
    assert all(key in guide for key in ("bearer-token", "forge-token", "trigger-token", "retrain:"))
    assert "receiver" in text(case("retrain"))
