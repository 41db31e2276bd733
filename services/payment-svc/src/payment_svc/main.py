"""payment-svc as a process: python -m payment_svc.main api | worker | all | migrate ..."""

from billing_shared.service import Service, main
from payment_svc.api import ROUTERS
from payment_svc.events.recon import HANDLERS
from payment_svc.settings import Settings

SERVICE = Service("payment-svc", "payment_svc", routers=ROUTERS, handlers=HANDLERS)

if __name__ == "__main__":
    main(SERVICE, Settings)
