"""The log of what was sent, or is to be: webhooks and mails."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from billing_shared.errors import NotFound, invalid
from billing_shared.http import Door, may
from billing_shared.paging import Listed, Paged
from notify_svc.api.schemas import DeliveryDetail, DeliveryView
from notify_svc.domain.delivery import Channel, State
from notify_svc.store.attempts import list_attempts
from notify_svc.store.deliveries import Filter, list_deliveries, load_deliveries
from notify_svc.usecases.redeliver import redeliver

PATH = "/v1/deliveries"

router = APIRouter(tags=["deliveries"])


@router.get(PATH, response_model=Listed[DeliveryView], summary="Webhooks and mails")
async def list_all(
    *,
    door: Annotated[Door, may("deliveries:read")],
    page: Paged,
    subscription_id: UUID | None = None,
    customer_id: UUID | None = None,
    event_type: str | None = None,
    event_id: UUID | None = None,
    subject_id: UUID | None = None,
    state: State | None = None,
    channel: Channel | None = None,
) -> Listed[DeliveryView]:
    """`subject_id` is what the event is about, for example an invoice."""
    if subscription_id and customer_id:
        raise invalid("customer_id", "not together with subscription_id: no delivery has both")
    wanted = Filter(
        target_id=subscription_id or customer_id,
        event_type=event_type,
        state=state,
        channel=channel,
        event_id=event_id,
        subject_id=subject_id,
    )
    async with door.read() as (conn, context):
        found = await list_deliveries(
            conn,
            context.tenant_id,
            wanted,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(found, lambda d: (d.updated_at, d.delivery_id), DeliveryView.of)


@router.get(
    PATH + "/{delivery_id}", response_model=DeliveryDetail, summary="One, with its attempts"
)
async def get(delivery_id: UUID, door: Annotated[Door, may("deliveries:read")]) -> DeliveryDetail:
    async with door.read() as (conn, context):
        found = await load_deliveries(conn, context.tenant_id, [delivery_id])
        attempts = await list_attempts(conn, context.tenant_id, delivery_id)
    if delivery_id not in found:
        raise NotFound("not-found", f"no delivery {delivery_id}")
    return DeliveryDetail.with_attempts(found[delivery_id], attempts)


@router.post(
    PATH + "/{delivery_id}/redeliveries",
    status_code=202,
    response_model=DeliveryView,
    summary="Send it again",
)
async def post_redelivery(
    delivery_id: UUID, door: Annotated[Door, may("deliveries:write")]
) -> Response:
    """With the same webhook-id or Message-ID, so that the receiver knows it again."""
    async with door.change() as change:
        [delivery] = await redeliver(change.conn, change.context, [delivery_id])
        return await change.answer(202, DeliveryView.of(delivery), location=f"{PATH}/{delivery_id}")
