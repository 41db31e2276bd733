"""What every service answers alike under /v1/<service>/."""

from datetime import UTC, date, datetime

import asyncpg
import pytest

from billing_shared import policy
from billing_shared.audit_chain import seal_all
from billing_shared.errors import Invalid
from billing_shared.ids import new_id
from billing_shared.jobs import remember_tenant
from billing_shared.policy import Policy, add_version, policy_in_force
from billing_shared.postgres import transaction
from billing_shared.testing.api import Api
from billing_shared.testing.sample import a_context

DEFAULT = Policy.of({"limits": {"clerk": 500, "senior": 5_000}, "is_strict": True})
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
async def set_policy(database):
    tenant_id = new_id()

    async def set_(on: date, now: datetime = NOON, **changes):
        async with transaction(database.app_pool, tenant_id) as conn:
            context = a_context(tenant_id, now)
            return await add_version(conn, context, DEFAULT, on, changes)

    async def on(day: date, tenant=tenant_id) -> Policy:
        async with transaction(database.app_pool, tenant) as conn:
            return await policy_in_force(conn, DEFAULT, day)

    set_.on, set_.tenant_id = on, tenant_id
    return set_


async def test_the_version_in_force_on_the_day_of_the_fact_decides(set_policy):
    february = await set_policy(date(2026, 2, 1), limits={"clerk": 700})
    march = await set_policy(date(2026, 3, 1), is_strict=False)
    assert await set_policy.on(date(2026, 1, 31)) == DEFAULT
    assert await set_policy.on(date(2026, 2, 1)) == february.policy
    assert await set_policy.on(date(2026, 2, 28)) == february.policy
    assert await set_policy.on(date(2027, 1, 1)) == march.policy
    assert march.policy.values == {"limits": {"clerk": 700, "senior": 5_000}, "is_strict": False}


async def test_of_two_versions_for_one_day_the_later_recorded_decides(set_policy):
    await set_policy(date(2026, 2, 1), limits={"clerk": 700})
    later = await set_policy(date(2026, 2, 1), NOON.replace(hour=13), limits={"clerk": 800})
    assert await set_policy.on(date(2026, 2, 1)) == later.policy


async def test_a_policy_is_the_tenants_own(set_policy):
    await set_policy(date(2026, 2, 1), limits={"clerk": 700})
    assert await set_policy.on(date(2026, 2, 1), tenant=new_id()) == DEFAULT


async def test_what_was_decided_stays_decided(set_policy, database):
    with pytest.raises(Invalid) as caught:
        await set_policy(date(2026, 1, 30), limits={"clerk": 700})
    assert caught.value.code == "policy-in-the-past"
    # In Auckland it is tomorrow already.
    async with transaction(database.app_pool, set_policy.tenant_id) as conn:
        await remember_tenant(conn, a_context(set_policy.tenant_id), "Pacific/Auckland")
    with pytest.raises(Invalid):
        await set_policy(date(2026, 1, 31), limits={"clerk": 700})
    await set_policy(date(2026, 2, 1), limits={"clerk": 700})


@pytest.fixture
def with_policy(monkeypatch):
    """The tiny service has no policy file; its routes are made with this one."""
    policy.load_default.cache_clear()
    monkeypatch.setattr(policy, "load_default", lambda _: DEFAULT)


async def test_the_director_sets_the_policy_and_the_audit_knows(with_policy, api: Api):
    api.clock.set(NOON)
    director = api.acting("director")
    shipped = (await director.get("/v1/shared/policy")).json()
    assert (shipped["sha256"], shipped["policy_id"]) == (DEFAULT.sha256, None)
    change = {
        "effective_on": "2026-02-01",
        "values": {"limits": {"clerk": 700}},
        "reason": "agreed with the board",
    }
    made = await director.post("/v1/shared/policy", json=change)
    assert made.status_code == 201
    assert made.json()["author"] == "user:director@local"
    now = (await director.get("/v1/shared/policy")).json()
    then = (await director.get("/v1/shared/policy?on=2026-02-01")).json()
    assert (now["sha256"], then) == (DEFAULT.sha256, made.json())
    versions = (await director.get("/v1/shared/policy/versions")).json()["items"]
    assert versions == [made.json()]
    entries = (await director.get("/v1/shared/audit?subject_kind=policy")).json()["items"]
    assert [(e["action"], e["reason"]) for e in entries] == [
        ("policy-set", "agreed with the board")
    ]
    assert entries[0]["before"]["sha256"] == DEFAULT.sha256
    refused = await api.acting("supervisor").post("/v1/shared/policy", json=change)
    assert refused.status_code == 403
    for bad in (
        change | {"values": {"limits": {"emperor": 1}}},
        change | {"effective_on": "2026-01-30"},
        change | {"reason": ""},
        change | {"extra": 1},
    ):
        assert (await director.post("/v1/shared/policy", json=bad)).status_code == 422


async def test_the_audit_shows_its_seals(api: Api, database):
    await api.acting("clerk").post("/v1/customers", json={"name": "Ada"})
    auditor = api.acting("auditor")
    [entry] = (await auditor.get("/v1/shared/audit")).json()["items"]
    assert entry["seal"] is None
    await seal_all(database.worker_pool)
    [entry] = (await auditor.get("/v1/shared/audit?actor_id=clerk@local")).json()["items"]
    assert entry["seal"]["number"] == 1
    assert len(entry["seal"]["sha256"]) == 64
    assert (await auditor.get("/v1/shared/audit?actor_id=nobody")).json()["items"] == []


@pytest.fixture
async def dead_letters(api: Api, database) -> list[str]:
    """One of the tenant, one of another, one nobody could read."""
    conn = await asyncpg.connect(database.admin_dsn)
    ids = []
    for offset, tenant_id in enumerate([api.tenant_id, new_id(), None]):
        ids.append(new_id())
        await conn.execute(
            """
            insert into shared.dead_letter (dead_letter_id, consumer_group, topic, log_partition,
                log_offset, event_id, tenant_id, header_names, header_values, value, code, reason,
                attempts)
            values ($1, 'shared-svc', 'invoice-issued', 0, $2, $1, $3, '{}', '{}', 'hunter2',
                'totals-mismatch', 'gross_minor: does not add up', 1)
            """,
            ids[-1],
            offset,
            tenant_id,
        )
    await conn.close()
    return [str(each) for each in ids]


async def test_an_operator_sees_where_and_why_but_no_bytes(api: Api, dead_letters):
    operator = api.acting("operator")
    mine, others, nobodys = dead_letters
    listed = await operator.get("/v1/shared/dead-letters?state=open")
    assert [item["dead_letter_id"] for item in listed.json()["items"]] == [mine, nobodys]
    one = await operator.get(f"/v1/shared/dead-letters/{mine}")
    assert (one.json()["code"], one.json()["log_offset"]) == ("totals-mismatch", 0)
    assert "hunter2" not in listed.text + one.text
    assert (await operator.get(f"/v1/shared/dead-letters/{others}")).status_code == 404
    first = (await operator.get("/v1/shared/dead-letters?limit=1")).json()
    rest = await operator.get("/v1/shared/dead-letters", params={"cursor": first["next_cursor"]})
    assert [item["dead_letter_id"] for item in rest.json()["items"]] == [nobodys]


async def test_what_an_operator_asks_for_is_written_down(api: Api, dead_letters):
    operator, reason = api.acting("operator"), "fixed in 1.4.2"
    asked = await operator.post(
        "/v1/shared/dead-letters/replays",
        json={"dead_letter_ids": dead_letters[:1], "reason": reason},
    )
    assert asked.status_code == 202
    assert asked.json()["arguments"] == {"dead_letter_ids": dead_letters[:1]}
    assert (await operator.get(asked.headers["Location"])).json() == asked.json()
    since = {"since": "2026-01-01T00:00:00Z", "topics": ["invoice-issued"], "reason": reason}
    outbox = await operator.post("/v1/shared/replays", json=since)
    assert outbox.json()["kind"] == "replay-outbox"
    job = await operator.post(
        "/v1/shared/jobs/clean-up/runs", json={"local_date": "2026-01-31", "reason": reason}
    )
    assert job.json()["arguments"] == {"job": "clean-up", "local_date": "2026-01-31"}
    listed = (await operator.get("/v1/shared/replays")).json()["items"]
    assert {item["kind"] for item in listed} == {"replay-dead-letters", "replay-outbox", "run-job"}
    assert {item["state"] for item in listed} == {"waiting"}
    stranger = api.acting("operator", tenant_id=new_id())
    assert (await stranger.get("/v1/shared/replays")).json()["items"] == []
    assert (await stranger.get(asked.headers["Location"])).status_code == 404
    audit = (await api.acting("auditor").get("/v1/shared/audit")).json()["items"]
    assert [e["subject_kind"] for e in audit] == ["operator-request"] * 3


@pytest.mark.parametrize(
    "body",
    [
        {"since": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00", "reason": "no offset"},
        {"since": "yesterday", "reason": "no instant"},
        {"since": "2026-01-01T00:00:00Z", "topics": ["nothing"], "reason": "no topic"},
        {"since": "2026-01-01T00:00:00Z", "topics": [], "reason": "no topics"},
    ],
)
async def test_a_replay_nobody_understands_is_refused(api: Api, body):
    answer = await api.acting("operator").post("/v1/shared/replays", json=body)
    assert answer.status_code == 422


async def test_jobs_that_ran(api: Api, database):
    async with database.worker_pool.acquire() as conn:
        for tenant_id in (api.tenant_id, new_id(), None):
            await conn.execute(
                "insert into job_run (job, tenant_id, local_date, state) values ('proof', "
                "coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid), '2026-01-31', 'done')",
                tenant_id,
            )
    listed = await api.acting("operator").get("/v1/shared/jobs?job=proof")
    assert [item["state"] for item in listed.json()["items"]] == ["done", "done"]
    assert (await api.acting("operator").get("/v1/shared/jobs?job=x")).json()["items"] == []
