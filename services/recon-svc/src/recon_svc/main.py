"""recon-svc as a process: python -m recon_svc.main api | worker | all | migrate ..."""

from billing_shared.service import Service, main
from recon_svc.api import ROUTERS
from recon_svc.events import HANDLERS
from recon_svc.events.schedule import JOBS
from recon_svc.settings import Settings

SERVICE = Service("recon-svc", "recon_svc", routers=ROUTERS, handlers=HANDLERS, jobs=JOBS)

if __name__ == "__main__":
    main(SERVICE, Settings)
