"""Compose and Kubernetes say what the code says: settings, ports, probes, paths, topics."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing_shared.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
K8S = ROOT / "deploy/k8s"
NAMES = ["invoice", "payment", "recon", "notify"]


def settings_of(name: str) -> set[str]:
    module = importlib.import_module(f"{name}_svc.settings")
    classes = [
        c for c in vars(module).values() if isinstance(c, type) and issubclass(c, ServiceSettings)
    ]
    return {f"BILLING_{field.upper()}" for c in classes for field in c.model_fields}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def manifests(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text())


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in [*sorted((K8S / "base/service").glob("*.yaml")), K8S / "base/topics.yaml"]:
        for manifest in manifests(file):
            if manifest["kind"] in ("Deployment", "Job"):
                yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]


def routes_of(name: str) -> set[str]:
    """The first part behind /v1/ of every public route of a service."""
    main = importlib.import_module(f"{name}_svc.main")
    paths = [route.path for router in main.SERVICE.routers for route in router.routes]
    return {p.split("/")[2] for p in paths if p.startswith("/v1/")} | {name}


@pytest.mark.parametrize("name", NAMES)
def test_compose_sets_only_what_a_service_reads(name):
    services = compose()["services"]
    for service in (f"{name}-svc", f"{name}-migrate"):
        said = {key for key in services[service]["environment"] if key.startswith("BILLING_")}
        assert said <= settings_of(name), service
    assert "BILLING_ADMIN_DATABASE_URL" not in services[f"{name}-svc"]["environment"]


def test_compose_leaves_time_to_stop_and_waits_for_what_it_needs():
    services = compose()["services"]
    stop_seconds = ServiceSettings.model_fields["stop_seconds"].default
    for name in NAMES:
        service = services[f"{name}-svc"]
        assert int(service["stop_grace_period"].rstrip("s")) > stop_seconds
        assert {f"{name}-migrate", "topics", "keys"} <= set(service["depends_on"])
        port = ServiceSettings.model_fields["telemetry_port"].default
        assert f":{port}/readyz" in service["healthcheck"]["test"][-1]


def test_every_pod_is_restricted():
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert "cpu" not in container["resources"]["limits"]


def test_probes_ask_the_second_port_and_a_stop_ends_in_time():
    fields = ServiceSettings.model_fields
    for name, pod in pods():
        container = pod["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        if not ports:
            continue
        assert ports["telemetry"] == fields["telemetry_port"].default
        assert ports.get("http", fields["port"].default) == fields["port"].default
        paths = {
            k: container[k]["httpGet"] for k in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert {probe["port"] for probe in paths.values()} == {"telemetry"}
        assert paths["readinessProbe"]["path"] == "/readyz"
        assert paths["livenessProbe"]["path"] == "/healthz"
        sleep = int(
            container.get("lifecycle", {})
            .get("preStop", {})
            .get("exec", {})
            .get("command", [0, 0])[1]
        )
        assert pod["terminationGracePeriodSeconds"] > fields["stop_seconds"].default + sleep, name
    api = next(pod for name, pod in pods() if name == "svc-api")
    assert api["containers"][0]["lifecycle"]["preStop"]


def test_selectors_meet_their_pods():
    for file in sorted((K8S / "base/service").glob("*.yaml")):
        for manifest in manifests(file):
            if manifest["kind"] == "Deployment":
                wanted = manifest["spec"]["selector"]["matchLabels"]
                labels = manifest["spec"]["template"]["metadata"]["labels"]
                assert wanted.items() <= labels.items()


@pytest.mark.parametrize("name", NAMES)
def test_the_config_map_and_secrets_are_settings(name):
    base = yaml.safe_load((K8S / "base/kustomization.yaml").read_text())
    literals = [pair.split("=")[0] for pair in base["configMapGenerator"][0]["literals"]]
    env = [e["name"] for _, pod in pods() for c in pod["containers"] for e in c.get("env", [])]
    assert set(literals) | set(env) <= settings_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_each_service_differs_from_the_template_by_its_name(name):
    text = (K8S / f"base/{name}/kustomization.yaml").read_text()
    common, _, besides = text.partition("  # Besides:")
    assert common.replace(name, "invoice") == (K8S / "base/invoice/kustomization.yaml").read_text()
    assert set(re.findall(r"BILLING_[A-Z_]+", besides)) <= settings_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_one_host_serves_every_route_of_every_service(name):
    ingress = next(manifests(K8S / "base/ingress.yaml"))
    rules = ingress["spec"]["rules"][0]["http"]["paths"]
    by_ingress = {
        r["path"].split("/")[2] for r in rules if r["backend"]["service"]["name"] == f"{name}-svc"
    }
    assert by_ingress == routes_of(name)

    gateway = (ROOT / "deploy/compose/gateway.conf").read_text()
    blocks = dict(re.findall(r"\^/v1/\(([^)]*)\).*?\n\s*proxy_pass http://(\w+)-svc", gateway))
    by_gateway = next(set(paths.split("|")) for paths, to in blocks.items() if to == name)
    assert by_gateway == {path.split(":")[0] for path in routes_of(name)}
