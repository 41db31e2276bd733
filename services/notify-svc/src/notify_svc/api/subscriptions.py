"""Subscriptions: who is called, with what, and the secrets calls are signed with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from billing_shared.errors import NotFound
from billing_shared.http import Door, Version, may, respond
from billing_shared.paging import Listed, Paged
from notify_svc.api.schemas import (
    NewSubscriptionView,
    ReplayBody,
    ReplayView,
    RotationView,
    SubscriptionBody,
    SubscriptionView,
)
from notify_svc.domain.signing import SecretBox
from notify_svc.store.subscriptions import list_subscriptions, load_subscriptions
from notify_svc.usecases.change_subscription import change_subscription
from notify_svc.usecases.create_subscriptions import create_subscriptions
from notify_svc.usecases.delete_subscription import delete_subscription
from notify_svc.usecases.replay_events import replay_events
from notify_svc.usecases.rotate_secret import rotate_secret

PATH = "/v1/subscriptions"

Reads = Annotated[Door, may("subscriptions:read")]
Writes = Annotated[Door, may("subscriptions:write")]


@dataclass(frozen=True, slots=True)
class Trust:
    """What the operator sets: how secrets are sealed, which private host:port may be called."""

    box: SecretBox
    allowed: frozenset[str]


def router(trust: Callable[[], Trust]) -> APIRouter:
    """The routes. `trust` is asked at a request, for settings are not read at import."""
    routes = APIRouter(tags=["subscriptions"])
    _add_reads(routes)
    _add_writes(routes, trust)
    _add_secrets(routes, trust)
    return routes


def _add_reads(routes: APIRouter) -> None:
    @routes.get(PATH, response_model=Listed[SubscriptionView], summary="All subscriptions")
    async def list_all(door: Reads, page: Paged) -> Listed[SubscriptionView]:
        async with door.read() as (conn, context):
            found = await list_subscriptions(
                conn,
                context.tenant_id,
                after=page.after,
                updated_after=page.updated_after,
                limit=page.limit,
            )
        return page.answer(found, lambda s: (s.updated_at, s.subscription_id), SubscriptionView.of)

    @routes.get(
        PATH + "/{subscription_id}", response_model=SubscriptionView, summary="One subscription"
    )
    async def get(subscription_id: UUID, door: Reads) -> Response:
        async with door.read() as (conn, context):
            found = await load_subscriptions(conn, context.tenant_id, [subscription_id])
        if subscription_id not in found:
            raise NotFound("not-found", f"no subscription {subscription_id}")
        subscription = found[subscription_id]
        return respond(200, SubscriptionView.of(subscription), etag=subscription.version)


def _add_writes(routes: APIRouter, trust: Callable[[], Trust]) -> None:
    @routes.put(
        PATH + "/{subscription_id}", response_model=SubscriptionView, summary="Change, on or off"
    )
    async def put(
        subscription_id: UUID, body: SubscriptionBody, door: Writes, version: Version
    ) -> Response:
        async with door.change() as change:
            changed = await change_subscription(
                change.conn,
                change.context,
                subscription_id,
                body.to_wish(),
                version=version,
                allowed=trust().allowed,
            )
            return await change.answer(200, SubscriptionView.of(changed), etag=changed.version)

    @routes.delete(PATH + "/{subscription_id}", status_code=204, summary="Call no more")
    async def delete(subscription_id: UUID, door: Writes, version: Version) -> Response:
        async with door.change() as change:
            await delete_subscription(change.conn, change.context, subscription_id, version=version)
            return await change.answer(204)

    @routes.post(
        PATH + "/{subscription_id}/replays",
        status_code=202,
        response_model=ReplayView,
        summary="Deliver a stretch of time again",
    )
    async def post_replay(subscription_id: UUID, body: ReplayBody, door: Writes) -> Response:
        async with door.change() as change:
            until = body.until or change.context.now
            replay = await replay_events(
                change.conn, change.context, subscription_id, body.since, until
            )
            return await change.answer(202, ReplayView.of(replay))


def _add_secrets(routes: APIRouter, trust: Callable[[], Trust]) -> None:
    @routes.post(
        PATH, status_code=201, response_model=NewSubscriptionView, summary="Hear of events"
    )
    async def post(body: SubscriptionBody, door: Writes) -> Response:
        async with door.change() as change:
            [(new, secret)] = await create_subscriptions(
                change.conn,
                change.context,
                [body.to_wish()],
                box=trust().box,
                allowed=trust().allowed,
            )
            view = SubscriptionView.of(new).model_dump()
            location = f"{PATH}/{new.subscription_id}"
            # What is stored for a repeated POST must not hold the secret.
            await change.answer(
                201, NewSubscriptionView(**view, secret=None), location=location, etag=1
            )
        return respond(201, NewSubscriptionView(**view, secret=secret), location=location, etag=1)

    @routes.post(
        PATH + "/{subscription_id}/secret-rotations",
        status_code=201,
        response_model=RotationView,
        summary="A new secret, the old one valid a while longer",
    )
    async def post_rotation(subscription_id: UUID, door: Writes) -> Response:
        async with door.change() as change:
            made = await rotate_secret(
                change.conn, change.context, subscription_id, box=trust().box
            )
            kept = RotationView(
                secret_id=made.secret_id,
                secret=None,
                previous_expires_at=made.previous_expires_at,
            )
            await change.answer(201, kept)
        return respond(201, kept.model_copy(update={"secret": made.secret}))
