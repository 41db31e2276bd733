"""The broker that BROKER names keeps its log or loses it as it should; what is missing is named."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from billing_local import backing
from billing_local.embedded_broker import BrokerUnavailable
from billing_local.kafka_jars import java, kafka_jars
from billing_local.ports import claim_ports
from billing_shared.topics import create_topics

TOPIC = "kept"


@pytest.fixture
def a_broker(server_folder, request):
    folder = server_folder / request.node.name
    folder.mkdir()
    ports = claim_ports(folder / "ports.json", ["broker", "controller"])
    made = backing.broker(
        folder / "broker", (ports["broker"], ports["controller"]), folder / "broker.log"
    )
    made.start()
    yield made
    made.stop()


async def topics_of(broker):
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


@pytest.mark.slow
def test_a_broker_keeps_its_log_through_a_kill_unless_it_is_the_embedded_one(a_broker):
    asyncio.run(create_topics(a_broker.bootstrap, [TOPIC]))
    a_broker.kill()
    assert not a_broker.is_alive()
    a_broker.start()
    assert (TOPIC in asyncio.run(topics_of(a_broker))) is not a_broker.is_embedded


@pytest.mark.slow
def test_a_broker_can_lose_its_log(a_broker):
    asyncio.run(create_topics(a_broker.bootstrap, [TOPIC]))
    a_broker.kill()
    a_broker.forget()
    a_broker.start()
    assert asyncio.run(topics_of(a_broker)) == set()


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine with no program at all, and an empty cache; the folder of its programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def test_missing_java_and_maven_are_named(bare):
    with pytest.raises(BrokerUnavailable, match="needs Java 17"):
        java()
    with pytest.raises(BrokerUnavailable, match="needs Maven"):
        kafka_jars()


def test_a_jar_other_than_the_pinned_is_refused_and_not_kept(bare, tmp_path):
    maven = bare / "mvn"
    maven.write_text(
        "#!/bin/sh\n"
        'for a; do case "$a" in -DoutputDirectory=*)'
        ' echo x >"${a#*=}/kafka_2.13-4.1.0.jar";; esac; done\n'
    )
    maven.chmod(0o755)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable, match=r"jars other than .*kafka_2\.13-4\.1\.0\.jar"):
            kafka_jars()
    assert [p.suffix for p in (tmp_path / "cache/billing").iterdir()] == [".lock"]


def test_a_maven_that_fails_is_heard(bare):
    (bare / "mvn").write_text("#!/bin/sh\necho the mirror is away; exit 1\n")
    (bare / "mvn").chmod(0o755)
    with pytest.raises(BrokerUnavailable, match="the mirror is away"):
        kafka_jars()


def test_containers_without_an_engine_fail_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER", "testcontainers")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(BrokerUnavailable, match="needs a container engine, and none answers"):
        backing.broker(tmp_path, (1, 2), tmp_path / "log")
    with pytest.raises(BrokerUnavailable, match="needs a container engine, and none answers"):
        backing.postgres(tmp_path, 1, password="p", is_durable=False)


def test_an_unknown_broker_is_refused(monkeypatch):
    monkeypatch.setenv("BROKER", "rabbit")
    with pytest.raises(SystemExit, match="known are embedded, apache, testcontainers"):
        backing.kind()
