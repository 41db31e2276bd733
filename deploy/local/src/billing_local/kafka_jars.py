"""Apache Kafka as jars of Maven Central: fetched once into a cache, checked by their hashes."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from billing_local.embedded_broker import BrokerUnavailable

HERE = Path(__file__).parent / "kafka"
#: Maven itself has no bound of its own on a mirror that does not answer.
FETCH_SECONDS = 300


class KafkaUnavailable(BrokerUnavailable):
    """Java, Maven or the jars are not to be had; the message says which and why."""


def kafka_jars() -> Path:
    """The folder of the jars, filled if it is not. Raises KafkaUnavailable."""
    listed = (HERE / "jars.sha256").read_text()
    name = f"kafka-{hashlib.sha256(listed.encode()).hexdigest()[:12]}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "billing"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # One fetches, the others of a parallel test run wait.
        with (cache / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (cache / name).exists():
                _fetch(cache, cache / name, listed)
    except OSError as error:
        raise KafkaUnavailable(f"no cache for Kafka ({error}): set XDG_CACHE_HOME") from error
    return cache / name


def java() -> str:
    """The path of java. Raises KafkaUnavailable."""
    found = shutil.which("java")
    if found is None:
        raise KafkaUnavailable("BROKER=apache needs Java 17 or later (`java` on the PATH)")
    return found


def _fetch(cache: Path, folder: Path, listed: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("BROKER=apache needs Maven (`mvn` on the PATH) to fetch Kafka once")
    partial = Path(tempfile.mkdtemp(dir=cache))
    try:
        # fmt: off
        argv = [
            maven, "--quiet", "--batch-mode", "--strict-checksums", "--file", str(HERE / "pom.xml"),
            "dependency:copy-dependencies", "-DincludeScope=runtime",
            f"-DoutputDirectory={partial}",
        ]
        # fmt: on
        done = subprocess.run(  # noqa: S603 - our own pom, our own folder
            argv, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
        if done.returncode != 0:
            raise KafkaUnavailable(f"Maven could not fetch Kafka:\n{done.stdout[-2000:]}")
        _check(partial, listed)
        partial.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise KafkaUnavailable(f"Maven did not fetch Kafka in {FETCH_SECONDS} s") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(folder: Path, listed: str) -> None:
    expected = {name: digest for digest, name in map(str.split, listed.splitlines())}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.iterdir()}
    if found != expected:
        wrong = sorted(dict(found.items() ^ expected.items()))
        raise KafkaUnavailable(f"jars other than those of kafka/jars.sha256: {', '.join(wrong)}")
