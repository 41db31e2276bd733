"""The guards of the machinery and of the money, each taken out once, and the tests that notice."""

from mutants.mutant import Change, Mutant

SHARED = "shared/src/billing_shared/"
RECON = "services/recon-svc/src/recon_svc/"
FAILURES = "shared/tests/integration/test_consumer_failures.py"
KILLS = "shared/tests/integration/test_kills.py"
RELAY = "shared/tests/integration/test_relay.py"
OUTBOX = "shared/tests/integration/test_outbox.py"
ROLES = "shared/tests/integration/test_roles.py"
KEYS = "shared/tests/doors/test_idempotency.py"
SETTLE = "services/recon-svc/tests/unit/test_settle.py"
PROPERTIES = "services/recon-svc/tests/unit/test_settle_properties.py"
MONEY = "shared/tests/unit/test_money.py"
LEDGER = "services/recon-svc/tests/unit/test_ledger.py"
GROUPS = "services/recon-svc/tests/integration/test_settle_groups.py"
PROOF = "services/recon-svc/tests/integration/test_proof.py"
TOTALS = "services/invoice-svc/tests/unit/test_totals.py"

_CONSUMING = (
    Mutant(
        "no inbox: a repeat is as good as new",
        (
            Change(
                SHARED + "inbox.py",
                "            if record.record_id in new:\n"
                "                new.remove(record.record_id)\n"
                "                fresh.append(record)\n",
                "            fresh.append(record)\n",
            ),
        ),
        (f"{FAILURES}::test_repeats_are_applied_once",),
    ),
    Mutant(
        "the offset is committed before the effect",
        (
            Change(
                SHARED + "inbox.py",
                "            await advance(conn, self.group, records, expected)\n"
                "            fresh = await self.remember(conn, records)\n",
                "            await advance(conn, self.group, records, expected)\n"
                "        async with transaction(self.pool, None) as conn:\n"
                "            fresh = await self.remember(conn, records)\n",
            ),
        ),
        (f"{FAILURES}::test_chance_errors_are_retried_without_end",),
    ),
    Mutant(
        "places are Kafka's, and committed by the client itself",
        (
            Change(SHARED + "broker.py", "enable_auto_commit=False", "enable_auto_commit=True"),
            Change(SHARED + "consumer.py", "consumer.seek(tp, start.seek)", "start.seek"),
        ),
        (f"{FAILURES}::test_chance_errors_are_retried_without_end",),
    ),
    Mutant(
        "places are Kafka's, and a new group begins at the latest record",
        (
            Change(
                SHARED + "broker.py",
                'auto_offset_reset="earliest"',
                'auto_offset_reset="latest"',
            ),
            Change(SHARED + "consumer.py", "consumer.seek(tp, start.seek)", "start.seek"),
        ),
        ("shared/tests/integration/test_consumer.py",),
    ),
    Mutant(
        "a log is taken for the one it was, unproved",
        (
            Change(
                SHARED + "positions.py",
                "return (record.offset, str(record.record_id)) == (self.next - 1, self.probe)",
                "return record.offset == self.next - 1",
            ),
        ),
        ("tests/faults/test_log_lost.py::test_a_log_made_anew_and_grown_past_our_place",),
    ),
    Mutant(
        "a listener of rebalances waits for the database",
        (
            Change(
                SHARED + "consumer.py",
                "    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:"
                "  # noqa: ARG002\n",
                "    async def on_partitions_assigned(self, assigned):\n"
                '        await self._consumer._pool.execute("select 1")\n',
            ),
        ),
        ("shared/tests/unit/test_listener.py",),
    ),
)

_RELAYING = (
    Mutant(
        "the relay remembers how far it got: seq > last",
        (
            Change(
                SHARED + "relay.py",
                "        return await conn.fetch(_FIRST_PENDING, self._owned, BATCH)\n",
                "        last = getattr(self, '_last', 0)\n"
                "        rows = await conn.fetch(_FIRST_PENDING, self._owned, BATCH)\n"
                "        self._last = max([last, *(row['seq'] for row in rows)])\n"
                "        return [row for row in rows if row['seq'] > last]\n",
            ),
        ),
        (f"{KILLS}::test_late_commit_is_not_lost",),
    ),
    Mutant(
        "the relay reads what is older than every open transaction: an xmin cursor",
        (
            Change(
                SHARED + "relay.py",
                "where shard = any($1::smallint[])\n",
                "where shard = any($1::smallint[])\n"
                "    and xmin::text::bigint < "
                "pg_snapshot_xmin(pg_current_snapshot())::text::bigint\n",
            ),
        ),
        (f"{KILLS}::test_late_commit_is_not_lost",),
    ),
    Mutant(
        "relays share a shard by SKIP LOCKED",
        (
            Change(
                SHARED + "relay.py",
                '_CLAIM = "select pg_try_advisory_lock(hashtext($1), $2)"',
                '_CLAIM = "select $1::text is not null and $2::int is not null"',
            ),
            Change(
                SHARED + "relay.py",
                "order by seq limit $2\n",
                "order by seq limit $2 for update skip locked\n",
            ),
            Change(
                SHARED + "relay.py",
                "            pending = await self._first_pending(conn)\n",
                "            await conn.execute('commit; begin')\n"
                "            pending = await self._first_pending(conn)\n",
            ),
        ),
        (f"{RELAY}::test_a_second_relay_waits_for_the_first",),
    ),
    Mutant(
        "the relay deletes before the ack",
        (
            Change(
                SHARED + "relay.py",
                "            elif sent := await self._publish(await _events(conn, pending)):\n"
                '                turns = {row["seq"]: row["turn"] for row in pending}\n'
                "                await conn.execute(_FORGET, sent, [turns[seq] for seq in sent])\n",
                "            elif sent := await self._delete_first(conn, pending):\n",
            ),
            Change(
                SHARED + "relay.py",
                "    async def _first_pending(\n",
                "    async def _delete_first(self, conn, pending):\n"
                "        events = await _events(conn, pending)\n"
                "        seqs = [row['seq'] for row in pending]\n"
                "        await conn.execute(_FORGET, seqs, [row['turn'] for row in pending])\n"
                "        return await self._publish(events)\n\n"
                "    async def _first_pending(\n",
            ),
        ),
        (f"{RELAY}::test_what_could_not_be_sent_is_still_pending",),
    ),
    Mutant(
        "the relay deletes what a replay has put back meanwhile",
        (
            Change(
                SHARED + "relay.py",
                "where p.seq = sent.seq and p.turn = sent.turn\n",
                "where p.seq = sent.seq\n",
            ),
        ),
        (f"{RELAY}::test_what_is_put_back_between_ack_and_delete_is_sent_again",),
    ),
    Mutant(
        "events are numbered before their aggregate is locked",
        (
            Change(
                SHARED + "outbox.py",
                "    select * from unnest($1::uuid[]",
                "    select nextval('outbox_seq') as seq, * from unnest($1::uuid[]",
            ),
            Change(
                SHARED + "outbox.py",
                "    select nextval('outbox_seq') as seq, n.* from numbered n\n",
                "    select n.* from numbered n\n",
            ),
        ),
        (f"{OUTBOX}::test_writers_of_one_aggregate_are_numbered_in_one_order",),
    ),
)

_WALLS = (
    Mutant(
        "no idempotency row: what a key did is not found again",
        (
            Change(
                SHARED + "idempotency.py",
                "from begin_change($1, $2, $3, $4, $5, $6)",
                "from begin_change($1, $2, $3, $4 || gen_random_uuid(), $5, $6)",
            ),
        ),
        (f"{KEYS}::test_a_replay_gets_the_first_answer_and_has_no_second_effect",),
    ),
    Mutant(
        "tables have no row-level security",
        (
            Change(
                SHARED + "migrations/0001_protection.sql",
                "    execute format('alter table %I enable row level security', table_name);\n",
                "",
            ),
        ),
        (f"{ROLES}::test_without_a_tenant_nothing_is_seen_and_nothing_written",),
    ),
    Mutant(
        "without a tenant the policy lets all rows be seen",
        (
            Change(
                SHARED + "migrations/0001_protection.sql",
                "using (tenant_id = %s)",
                "using (coalesce(tenant_id = %s, true))",
            ),
        ),
        (f"{ROLES}::test_without_a_tenant_nothing_is_seen_and_nothing_written",),
    ),
)

_MONEY = (
    Mutant(
        "settle serves payments as they arrived",
        (
            Change(
                RECON + "domain/desk.py",
                "key=lambda p: (p.value_on, p.payment_id)",
                "key=lambda p: p.payment_id",
            ),
        ),
        (f"{SETTLE}::test_the_earlier_value_date_is_served_whatever_came_first",),
    ),
    Mutant(
        "what was decided first stays: nothing booked is taken back",
        (
            Change(
                RECON + "domain/ledger.py",
                "    gone = [j for key, j in booked.items() if ought.get(key) != j.posting]\n",
                "    gone: list[LivePosting] = []\n",
            ),
        ),
        (f"{LEDGER}::test_moves_lead_from_what_is_to_what_ought_to_be",),
    ),
    Mutant(
        "money is put on an item beyond what is open",
        (
            Change(
                RECON + "domain/desk.py",
                "min(amount_minor, self.left[payment_id], self.remaining[invoice_id])",
                "min(amount_minor, self.left[payment_id])",
            ),
        ),
        (f"{PROPERTIES}::test_every_minor_unit_has_exactly_one_place",),
    ),
    Mutant(
        "a mirror journal has the entries of what it takes back",
        (
            Change(
                RECON + "domain/ledger.py",
                "    if mirrored:\n        debit, credit = credit, debit\n",
                "",
            ),
        ),
        (f"{LEDGER}::test_every_kind_balances_and_its_mirror_undoes_it",),
    ),
    Mutant(
        "journals need not balance: the trigger is missing",
        (
            Change(
                RECON + "migrations/0002_books.sql",
                "create trigger entries_balance after insert on entry\n"
                "    referencing new table as fresh for each statement "
                "execute function entries_balance();\n",
                "",
            ),
        ),
        (f"{PROOF}::test_the_database_refuses_what_the_books_must_not_hold",),
    ),
    Mutant(
        "a half is rounded to even",
        (
            Change(
                SHARED + "money.py",
                "int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))",
                'int(amount.quantize(Decimal(1), rounding="ROUND_HALF_EVEN"))',
            ),
        ),
        (f"{TOTALS}::test_document_comes_to",),
    ),
    Mutant(
        "what a split leaves over is nobody's",
        (
            Change(
                SHARED + "money.py",
                "    extra = set(order[:left])\n",
                "    extra = set(order[:0])\n",
            ),
        ),
        (f"{MONEY}::test_a_split_adds_up_and_no_part_is_a_unit_off",),
    ),
)

MUTANTS = (*_CONSUMING, *_RELAYING, *_WALLS, *_MONEY)
