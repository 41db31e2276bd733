"""invoice-svc as a process: python -m invoice_svc.main api | worker | all | migrate ..."""

from billing_shared.service import Service, main
from invoice_svc.api import ROUTERS
from invoice_svc.events.recon import HANDLERS
from invoice_svc.settings import Settings

SERVICE = Service("invoice-svc", "invoice_svc", routers=ROUTERS, handlers=HANDLERS)

if __name__ == "__main__":
    main(SERVICE, Settings)
