"""notify-svc: python -m notify_svc.main api | worker | all | migrate"""

from functools import cache

from billing_shared.clock import SystemClock
from billing_shared.service import Service, Worker, main
from notify_svc.api import deliveries, subscriptions
from notify_svc.api.subscriptions import Trust
from notify_svc.events import HANDLERS
from notify_svc.events.schedule import JOBS
from notify_svc.events.sender import Sender
from notify_svc.gateways.mail import SmtpMailGateway
from notify_svc.gateways.webhook import HttpWebhookGateway
from notify_svc.settings import NotifySettings
from notify_svc.usecases.make_calls import Outside


@cache
def _trust() -> Trust:
    settings = NotifySettings()
    return Trust(settings.secret_box(), settings.webhook_allowed_private)


async def sender(worker: Worker) -> None:
    """Send webhooks and mails until told to stop."""
    settings = worker.settings
    assert isinstance(settings, NotifySettings)
    webhook = HttpWebhookGateway(settings.webhook_allowed_private)
    mail = SmtpMailGateway(settings.relay())
    outside = Outside(
        webhook=webhook,
        mail=mail,
        mail_sender=settings.mail_sender,
        box=settings.secret_box(),
        real_now=SystemClock().now,
    )
    try:
        await Sender(worker.pool, worker.clock, outside).run(worker.stop)
    finally:
        await webhook.close()
        await mail.close()


SERVICE = Service(
    name="notify-svc",
    package="notify_svc",
    routers=(subscriptions.router(_trust), deliveries.router),
    handlers=HANDLERS,
    jobs=JOBS,
    background=(sender,),
)

if __name__ == "__main__":
    main(SERVICE, NotifySettings)
