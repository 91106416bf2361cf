"""Cached tiles over loopback: requests per second and how long they take.

Run ``python benchmarks/bench_serve.py [CITY]``; without a city, one of 20 000 houses is made. The
server is ``cim serve`` as it is started by its user; the client is one process with eight
connections that ask for tiles one after the other, packed with gzip as browsers do. Both share the
machine, so wall times are upper bounds; requests per CPU second of the server are not.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np

REQUESTS = 8_000
CONNECTIONS = 8
TILES = 60
ZOOM = 16
LEAST_PER_SECOND = 1000.0
MOST_P99_MS = 50.0
TICKS = os.sysconf("SC_CLK_TCK")


def made(folder: Path, houses: int = 20_000) -> str:
    """A city of houses on a grid of 30 m, near Kaifeng."""
    import pandas as pd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    from cim.model import Batch, Dataset  # noqa: PLC0415
    from cim.store import Delivery, create_city  # noqa: PLC0415

    east, north = np.divmod(np.arange(houses), int(houses**0.5))
    x, y = 531_000.0 + 30 * east, 3_852_000.0 + 30 * north
    objects = pd.DataFrame(
        {
            "object_id": [f"b{each}" for each in range(houses)],
            "class": "Building",
            "height": 3.0 + np.arange(houses) % 40,
            "ground_height": 70.0,
        }
    )
    objects["geometry"] = pd.Series(shapely.box(x, y, x + 20, y + 20), dtype=object)
    location = str(folder / "bench.city")
    with (
        create_city(location, "EPSG:4547") as store,
        store.load(Delivery(Dataset("houses"), file="houses")) as opened,
    ):
        opened.put(Batch(objects))
    return location


@contextmanager
def serving(city: str) -> Iterator[tuple[int, int]]:
    """Process number and port of ``cim serve``."""
    command = [sys.executable, "-m", "webapp", "serve", city, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            text = ""
            for line in process.stdout:
                text += line
                if line == "}\n":
                    break
            yield process.pid, int(json.loads(text)["address"].rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGTERM)


def tile_paths(port: int) -> list[str]:
    """Addresses of tiles around the middle of the city that have something in them; all cached."""
    with urlopen(f"http://127.0.0.1:{port}/api/city") as answer:
        city = json.load(answer)
    west, south, east, north = city["bbox"]
    lon, lat = (west + east) / 2, np.radians((south + north) / 2)
    size = 2**ZOOM
    x0 = int((lon + 180) / 360 * size)
    y0 = int((1 - np.arcsinh(np.tan(lat)) / np.pi) / 2 * size)
    steps = sorted(
        ((x, y) for x in range(-8, 9) for y in range(-8, 9)), key=lambda at: at[0] ** 2 + at[1] ** 2
    )
    found = []
    for x, y in steps:
        path = f"/tiles/{city['id']}/{city['version']}/buildings/{ZOOM}/{x0 + x}/{y0 + y}.glb"
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            if answer.status == 200:
                found.append(path)
        if len(found) == TILES:
            break
    return found


def ask(port: int, paths: list[str], count: int, seconds: list[float], sizes: list[int]) -> None:
    """Ask `count` times on one connection."""
    chooser = random.Random(count + len(seconds))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            request = (
                f"GET {chooser.choice(paths)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Accept-Encoding: gzip\r\n\r\n"
            ).encode()
            start = time.perf_counter()
            connection.sendall(request)
            sizes.append(answer_size(connection))
            seconds.append(time.perf_counter() - start)


def answer_size(connection: socket.socket) -> int:
    """Read one answer to its end; bytes in its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 18)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head[:200]
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    got = len(body)
    while got < length:
        got += len(connection.recv(1 << 18))
    return length


def cpu_seconds(process: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_megabytes(process: int) -> float:
    """Largest resident memory that a process has had."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def measure(city: str) -> dict[str, float]:
    """Rates and times of `REQUESTS` requests for cached tiles."""
    with serving(city) as (process, port):
        paths = tile_paths(port)
        seconds: list[float] = []
        sizes: list[int] = []
        ask(port, paths, 200, [], [])
        cpu, start = cpu_seconds(process), time.perf_counter()
        threads = [
            threading.Thread(
                target=ask, args=(port, paths, REQUESTS // CONNECTIONS, seconds, sizes)
            )
            for _ in range(CONNECTIONS)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        wall = time.perf_counter() - start
        used = cpu_seconds(process) - cpu
        return {
            "tiles": len(paths),
            "kilobytes": float(np.mean(sizes)) / 1000,
            "per_second": len(seconds) / wall,
            "per_cpu_second": len(seconds) / used,
            "p50_ms": 1000 * float(np.percentile(seconds, 50)),
            "p99_ms": 1000 * float(np.percentile(seconds, 99)),
            "peak_mb": peak_megabytes(process),
        }


def report(found: dict[str, float]) -> None:
    print(f"{found['tiles']:.0f} tiles of {found['kilobytes']:.0f} kB packed, {REQUESTS} requests")
    rate, late = found["per_second"], found["p99_ms"]
    print(f"requests/s  {rate:7.0f}   {rate / LEAST_PER_SECOND:5.2f} x the limit of 1000")
    print(f"            {found['per_cpu_second']:7.0f}   per CPU second of the server")
    print(f"p50         {found['p50_ms']:7.1f} ms")
    print(f"p99         {late:7.1f} ms  {late / MOST_P99_MS:5.2f} x the limit of 50 ms")
    print(f"peak memory {found['peak_mb']:7.0f} MB")


def test_cached_tiles_are_served_fast(tmp_path: Path) -> None:
    found = measure(made(tmp_path))
    report(found)
    assert found["per_second"] >= LEAST_PER_SECOND
    assert found["p99_ms"] <= MOST_P99_MS


def main() -> None:
    if sys.argv[1:]:
        report(measure(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(measure(made(Path(folder))))


if __name__ == "__main__":
    main()
