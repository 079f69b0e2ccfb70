"""One device's connection: MQTT 3.1.1 as a server, publishing direction only.

What of the standard is not offered, and how a client learns it:
QoS 2 closes the connection (reason `qos-2`, logged); a filter other than `xinji/refused` gets
SUBACK 0x80 (others follow changes over Server-Sent Events); no session outlives its connection
(CONNACK says "session present 0"); RETAIN is ignored, the store keeps the latest value anyway; a
will is checked and set aside, silence is found by rules. Client identifiers are told apart per
credential, so that one device cannot end another's connection.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from functools import partial
from typing import cast

from xinji.model.observations import Receipt
from xinji.wire.columns import all_refused
from xinji.wire.inlet import Device
from xinji.wire.mqtt.codec import Decoder
from xinji.wire.mqtt.encode import (
    PINGRESP_BYTES,
    encode_acknowledgement,
    encode_connack,
    encode_pubacks,
    encode_suback,
)
from xinji.wire.mqtt.endpoint import Endpoint
from xinji.wire.mqtt.packets import (
    DISCONNECT,
    PINGREQ,
    UNSUBACK,
    Connack,
    Connect,
    Packet,
    Publish,
    Signal,
    Subscribe,
    Unsubscribe,
)
from xinji.wire.mqtt.topics import REFUSED_TOPIC, Delivery, Intake

log = logging.getLogger("xinji.wire.mqtt")

# Why reading is stopped; a connection reads when none holds.
_RATE, _FULL, _UNACKNOWLEDGED, _WRITING, _STOPPING = 1, 2, 4, 8, 16
_CAUSES = {_RATE: "rate", _FULL: "inlet-full", _UNACKNOWLEDGED: "unacknowledged",
           _WRITING: "slow-reader", _STOPPING: "stopping"}  # fmt: skip
_LINGER_SECONDS = 5.0
_QUIET = frozenset({"disconnect", "lost", "server-stopping"})


class Connection(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        limits = endpoint.limits
        self._decoder = Decoder(limits.packet_bytes, connect_maximum=limits.connect_bytes)
        self._device: Device | None = None
        self._intake: Intake | None = None
        self._session: tuple[str, str] | None = None
        self._deliveries: deque[Delivery] = deque()
        self._acknowledge: list[int] = []
        self._unacknowledged = 0
        self._stopped = 0
        self._held = 0
        self._partial_since = 0.0
        self._keep_alive = 0.0
        self._tokens = limits.messages_per_second
        self._tokens_at = self._heard = self._opened = endpoint.loop.time()
        self.closed = False
        self.address = ""

    # -- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(self._endpoint.limits.write_bytes)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # A client without keep-alive that vanishes is found by TCP.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self._endpoint.open.add(self)
        self._endpoint.counters.connections += 1
        if not self._endpoint.begin(self):
            self.close("of-an-address", f"too many of {self.address} wait with their CONNECT")

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, whoever closed it."""
        endpoint = self._endpoint
        self._end("lost", "" if exc is None else str(exc))
        endpoint.begun(self)
        endpoint.open.discard(self)
        endpoint.counters.connections -= 1

    def pause_writing(self) -> None:
        """The client does not read its answers: do not read its messages."""
        self._stop(_WRITING)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._read_on(_WRITING)

    def eof_received(self) -> None:
        """The client has closed its side; the transport closes ours."""

    def data_received(self, data: bytes) -> None:
        """Decode and act on a chunk."""
        if self.closed:
            return
        endpoint = self._endpoint
        now = self._heard = endpoint.loop.time()
        endpoint.counters.bytes_in += len(data)
        decoder = self._decoder
        packets = decoder.feed(data)
        if packets:
            self._take(packets, now)
        fault = decoder.fault
        if fault is not None:
            answer = b"" if fault.answer is None else encode_connack(fault.answer)
            if fault.answer is not None:
                endpoint.counters.rejected[fault.answer] += 1
            self.close(fault.violation, f"{fault.detail} [MQTT-{fault.clause}]", answer)
            return
        if decoder.pending or self._held:
            self._hold(bool(packets), now)

    def _hold(self, progressed: bool, now: float) -> None:
        """Account for an incomplete packet."""
        pending = self._decoder.pending
        if pending and (progressed or not self._held):
            self._partial_since = now
        endpoint, limits = self._endpoint, self._endpoint.limits
        endpoint.buffered += pending - self._held
        self._held = pending
        if endpoint.buffered > limits.buffered_bytes and pending > limits.guaranteed_bytes:
            self.close("buffers-full", f"{pending} bytes of an incomplete packet")

    # -- packets

    def _take(self, packets: list[Packet], now: float) -> None:
        """Act on complete packets in their order."""
        run: list[Publish] = []
        for packet in packets:
            if type(packet) is Publish:
                if packet.qos == 2:
                    self._deliver(run, now)
                    self.close("qos-2", "QoS 2 is not offered: publish at QoS 1")
                    return
                run.append(packet)
                continue
            if run:
                self._deliver(run, now)
                run = []
            self._control(packet)
            if self.closed:
                return
        if run:
            self._deliver(run, now)

    def _control(self, packet: Packet) -> None:
        if type(packet) is Connect:
            self._connect(packet)
        elif type(packet) is Signal and packet.kind == PINGREQ:
            self._send(PINGRESP_BYTES)
        elif type(packet) is Signal and packet.kind == DISCONNECT:
            self.close("disconnect", "")
        elif type(packet) is Subscribe:
            codes = bytes(0 if text == REFUSED_TOPIC else 0x80 for text, _ in packet.filters)
            if 0 in codes and self._device is not None:
                self._endpoint.subscribe(self, self._device.name)
            self._send(encode_suback(packet.packet_id, codes))
        elif type(packet) is Unsubscribe:
            if REFUSED_TOPIC in packet.filters and self._device is not None:
                self._endpoint.unsubscribe(self, self._device.name)
            self._send(encode_acknowledgement(UNSUBACK, packet.packet_id))
        else:
            self.close("unexpected-packet", f"{packet} is nothing that a client sends here")

    def _connect(self, connect: Connect) -> None:
        endpoint = self._endpoint
        endpoint.begun(self)
        accepted = len(endpoint.open) - len(endpoint.connecting)
        if accepted > endpoint.limits.connections or endpoint.stopping:
            self._reject(Connack.SERVER_UNAVAILABLE, "capacity", "all connections are in use")
            return
        if not connect.username or connect.password is None:
            self._reject(Connack.BAD_CREDENTIALS, "credentials", "no user name or no password")
            return
        device = endpoint.gate.authenticate(connect.username, connect.password)
        if device is None:
            detail = f"user name {connect.username!r:.80} or its password is wrong"
            self._reject(Connack.NOT_AUTHORISED, "credentials", detail)
            return
        if connect.client_id:
            session = (device.name, connect.client_id)
            earlier = endpoint.sessions.get(session)
            if earlier is not None:
                earlier.close("taken-over", "a new connection has its client identifier")
            endpoint.sessions[session] = self
            self._session = session
        self._device = device
        self._connection_name = f"{device.name}/{connect.client_id}"
        self._intake = Intake(endpoint.inlet, device)
        self._keep_alive = connect.keep_alive * 1.5  # [3.1.2-24]
        endpoint.counters.accepted += 1
        endpoint.counters.wills_ignored += connect.will is not None
        self._send(encode_connack(Connack.ACCEPTED))

    def _reject(self, code: Connack, reason: str, detail: str) -> None:
        self._endpoint.counters.rejected[code] += 1
        self.close(reason, detail, encode_connack(code))

    # -- data

    def _deliver(self, messages: list[Publish], now: float) -> None:
        """Submit messages; then see whether more may be read."""
        if not messages or self._intake is None:
            return
        endpoint = self._endpoint
        limits = endpoint.limits
        endpoint.counters.messages += len(messages)
        for delivery in self._intake.deliveries(messages):
            self._unacknowledged += len(delivery.packet_ids)
            self._deliveries.append(delivery)
            delivery.batch.connection = self._connection_name
            endpoint.inlet.submit(delivery.batch, partial(self._done, delivery))
        if limits.messages_per_second:
            self._spend(len(messages), now)
        if self._unacknowledged > limits.unacknowledged:
            self._stop(_UNACKNOWLEDGED)
        if endpoint.inlet.full():
            endpoint.waiting.add(self)
            self._stop(_FULL)

    def _spend(self, messages: int, now: float) -> None:
        """Token bucket of one second; in debt, reading stops until the debt is paid."""
        rate = self._endpoint.limits.messages_per_second
        self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate) - messages
        self._tokens_at = now
        if self._tokens < 0 and not self._stopped & _RATE:
            self._stop(_RATE)
            self._endpoint.loop.call_later(-self._tokens / rate, self._read_on, _RATE)

    def _done(self, delivery: Delivery, receipt: Receipt) -> None:
        """The receipt of a batch: what is stored, or recorded as refused, is acknowledged."""
        endpoint = self._endpoint
        counters = endpoint.counters
        if receipt.failure is not None:
            counters.failures += 1
            if delivery.packet_ids:
                # Without PUBACK and with a new connection, the device sends again [4.4.0-1].
                self.close("storage", receipt.failure)
            else:
                delivery.stored = True
        else:
            counters.stored += receipt.stored
            counters.repeated += receipt.repeated
            delivery.stored = True
            refused = all_refused(delivery.batch, receipt)
            if refused:
                counters.refused.update(str(refusal.reason) for refusal in refused)
                if self._device is not None:
                    endpoint.notify(self._device.name, delivery, refused)
        if self.closed:
            return
        waiting = self._acknowledge
        idle = not waiting
        deliveries = self._deliveries
        # PUBACKs go out in the order of the PUBLISH packets [4.6.0-2].
        while deliveries and deliveries[0].stored:
            waiting += deliveries.popleft().packet_ids
        if idle and waiting:
            endpoint.flush_soon(self)

    def flush(self) -> None:
        """Write the PUBACKs that are due, all in one buffer."""
        if self.closed or not self._acknowledge:
            return
        self._send(encode_pubacks(self._acknowledge))
        self._unacknowledged -= len(self._acknowledge)
        self._acknowledge = []
        if (
            self._stopped & _UNACKNOWLEDGED
            and self._unacknowledged <= self._endpoint.limits.unacknowledged // 2
        ):
            self._read_on(_UNACKNOWLEDGED)

    def notice(self, packet: bytes) -> bool:
        """Send a notice, unless the client does not read; returns whether it was sent."""
        if self.closed or self._stopped & _WRITING:
            return False
        self._send(packet)
        return True

    def _send(self, data: bytes) -> None:
        """Write, unless the peer is gone and `connection_lost` is only on its way."""
        if not self._transport.is_closing():
            self._transport.write(data)

    # -- reading and not reading

    def _stop(self, cause: int) -> None:
        if self.closed or self._stopped & cause:
            return
        self._endpoint.counters.pauses[_CAUSES[cause]] += 1
        if not self._stopped and not self._transport.is_closing():
            self._transport.pause_reading()
        self._stopped |= cause

    def _read_on(self, cause: int) -> None:
        if self.closed or not self._stopped & cause:
            return
        self._stopped &= ~cause
        if not self._stopped:
            # The client could not be heard while we did not listen.
            self._heard = self._partial_since = self._endpoint.loop.time()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def room(self) -> None:
        """The inlet has room again."""
        self._read_on(_FULL)

    def stop_reading(self) -> None:
        """For a graceful end: what has arrived is stored and acknowledged, nothing more is read."""
        self._stop(_STOPPING)

    @property
    def settled(self) -> bool:
        """True when nothing waits for its commit."""
        return not self._deliveries

    @property
    def device_name(self) -> str:
        """The credential's name, empty before CONNECT."""
        return "" if self._device is None else self._device.name

    # -- the end

    def check(self, now: float) -> None:
        """Close when a time is over: CONNECT, an incomplete packet, keep-alive."""
        if self.closed:
            return
        limits = self._endpoint.limits
        if self._device is None:
            if now - self._opened > limits.connect_seconds:
                self.close("connect-timeout", f"no CONNECT within {limits.connect_seconds:g} s")
        elif self._stopped:
            if self._stopped & _WRITING and now - self._heard > limits.packet_seconds:
                self.close("slow-reader", f"answers not read for {limits.packet_seconds:g} s")
        elif self._held and now - self._partial_since > limits.packet_seconds:
            self.close("packet-timeout", f"an incomplete packet for {limits.packet_seconds:g} s")
        elif self._keep_alive and now - self._heard > self._keep_alive:
            self.close("keep-alive", f"nothing heard for {self._keep_alive:g} s")

    def close(self, reason: str, detail: str, answer: bytes = b"") -> None:
        """End the connection, with a last answer. The reason is counted and logged."""
        if self.closed:
            return
        transport = self._transport
        if answer:
            self._send(answer)
        self._end(reason, detail)
        if transport.is_closing():
            return
        transport.close()
        if transport.get_write_buffer_size():
            self._endpoint.loop.call_later(_LINGER_SECONDS, transport.abort)

    def _end(self, reason: str, detail: str) -> None:
        """Leave the shared tables, once."""
        if self.closed:
            return
        self.closed = True
        endpoint = self._endpoint
        endpoint.counters.disconnects[str(reason)] += 1
        endpoint.buffered -= self._held
        self._held = 0
        endpoint.waiting.discard(self)
        self._deliveries.clear()
        if self._device is not None:
            endpoint.unsubscribe(self, self._device.name)
        if self._session is not None and endpoint.sessions.get(self._session) is self:
            del endpoint.sessions[self._session]
        level = logging.DEBUG if reason in _QUIET else logging.INFO
        if log.isEnabledFor(level):
            peer = self._transport.get_extra_info("peername")
            log.log(level, "%s %s closed: %s %s", self.device_name, peer, reason, detail)
