"""python -m bench [names] [--broker embedded|apache] [--quick]: measure, tell, keep.

Exit 1 when a bar is missed (a quick run only shows that the bench works, and exits 0).
"""

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench import report
from bench.measure import Measure
from bench.world import World, open_world
from billing_shared.telemetry import configure_logs

#: Each is a module beside this one.
BENCHES = ("single_post", "bulk", "relay", "consumer", "latency", "growth")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the benches that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--broker", default=os.environ.get("BROKER") or "embedded")
    parser.add_argument("--quick", action="store_true", help="small numbers, one round")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    os.environ["BROKER"] = given.broker
    configure_logs("bench", "warning")
    # Asked to end, it still takes its servers and their folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    told = report.facts(given.broker, is_quick=given.quick)
    # The loop the services run on, inside a world that lives longer than it.
    with (
        open_world(is_quick=given.quick) as world,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        measures = runner.run(_measure(world, given.names or BENCHES))
    report.show(measures)
    name = f"{given.broker}{'-quick' if given.quick else ''}{'-some' if given.names else ''}"
    report.write_json(measures, told, RESULTS / f"{name}.json")
    report.plot(measures, told, RESULTS / f"{name}.svg")
    return 0 if given.quick or all(one.holds for one in measures) else 1


async def _measure(world: World, names: Sequence[str]) -> list[Measure]:
    measures: list[Measure] = []
    for name in names:
        print(f"{name} ...", flush=True)
        module = importlib.import_module(f"bench.{name}")
        measures += await module.measure(world)
        await world.databases.drop_all()
    return measures


if __name__ == "__main__":
    raise SystemExit(main())
