"""An issuer of tokens for where there is no other: local runs and compose. Never for real books.

python -m billing_shared.local_issuer keys  --folder /keys
python -m billing_shared.local_issuer token --folder /keys --tenant <uuid> --role clerk
"""

import argparse
from pathlib import Path
from uuid import UUID

from billing_shared.auth import make_local_keys, mint
from billing_shared.roles import ROLES

ISSUER = "https://billing.local"
#: Tokens outlive a long weekend of playing with the system.
TOKEN_SECONDS = 7 * 24 * 3600


def token(folder: Path, tenant_id: UUID, role: str, subject: str | None = None) -> str:
    """A bearer token signed with the key in `folder`, which is made if it is missing."""
    return mint(
        make_local_keys(folder).private_key_file,
        tenant_id=tenant_id,
        roles=[role],
        issuer=ISSUER,
        subject=subject,
        seconds=TOKEN_SECONDS,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["keys", "token"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tenant", type=UUID, default=UUID(int=1))
    parser.add_argument("--role", choices=sorted(ROLES), default="director")
    options = parser.parse_args()
    if options.command == "keys":
        make_local_keys(options.folder)
    else:
        print(token(options.folder, options.tenant, options.role))
