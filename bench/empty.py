"""The empty handler: what FastAPI on uvicorn costs before anybody wrote a line. Its own process.

python -m bench.empty <port>
"""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.post("/empty")
async def empty() -> dict[str, str]:
    """Nothing."""
    return {}


if __name__ == "__main__":
    # As our services run theirs (billing_shared/process.py).
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, ws="none"
    )
