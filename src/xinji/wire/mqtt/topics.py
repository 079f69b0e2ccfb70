"""What a PUBLISH means: from topic and payload to batches for the inlet.

| topic | payload |
|---|---|
| `xinji/<thing>/<property>` | a JSON number, a state's name, true, false, or a `Reading` |
| `xinji/batch` | JSON rows or columns, as over HTTP |
| `xinji/senml` | a SenML pack, names `<thing>/<property>` |
| `xinji/refused` | not for publishing: notices to the credential that sent the data |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from xinji.model.observations import Reason, Refusal
from xinji.wire.columns import (
    Columns,
    PayloadError,
    not_a_state,
    numeric,
    refusal_of,
    resolve_columns,
)
from xinji.wire.inlet import Batch, Device, Inlet
from xinji.wire.mqtt.packets import Publish
from xinji.wire.observations import decode_json, decode_reading
from xinji.wire.senml import decode_senml

PREFIX = "xinji/"
BATCH_TOPIC = "xinji/batch"
SENML_TOPIC = "xinji/senml"
REFUSED_TOPIC = "xinji/refused"

_BODIES: dict[str, Callable[[bytes], Columns]] = {
    BATCH_TOPIC: decode_json,
    SENML_TOPIC: decode_senml,
}
_CACHED_SERIES = 4096


@dataclass(slots=True)
class Delivery:
    """A batch on its way to the store, and what to say when it is there.

    Attributes:
        batch: what is submitted.
        packet_ids: QoS 1 identifiers to acknowledge, in the order received.
        topics: the topic of each record by its index; one element when all share it.
        stored: True when the receipt has come.
    """

    batch: Batch
    packet_ids: list[int]
    topics: list[str]
    stored: bool = False

    def topic_of(self, index: int) -> str:
        """The topic that a refused record came on."""
        return self.topics[index] if len(self.topics) > 1 else self.topics[0]


class Target(NamedTuple):
    """What a topic resolves to: a series number, and the states of the property if it has any."""

    series: int
    states: dict[str, float] | None


class Intake:
    """Turns the messages of one connection into batches; remembers its series numbers."""

    __slots__ = ("_device", "_inlet", "_series")

    def __init__(self, inlet: Inlet, device: Device) -> None:
        self._inlet = inlet
        self._device = device
        self._series: dict[str, Target] = {}

    def deliveries(self, messages: list[Publish]) -> list[Delivery]:
        """Batches for `messages` (at least one), in their order.

        A run of single readings becomes one batch, a body of many records one of its own. Never
        raises: what cannot be stored is in `Batch.refused`.
        """
        if not any(message.topic in _BODIES for message in messages):
            return [self._readings(messages)]
        found: list[Delivery] = []
        run: list[Publish] = []
        for message in messages:
            if message.topic not in _BODIES:
                run.append(message)
                continue
            if run:
                found.append(self._readings(run))
                run = []
            found.append(self._body(message))
        if run:
            found.append(self._readings(run))
        return found

    def _readings(self, messages: list[Publish]) -> Delivery:
        """One row per message, or one refusal."""
        series: list[int] = []
        times: list[int] = []
        values: list[float] = []
        qualities: list[int] = []
        packet_ids: list[int] = []
        refused: list[Refusal] = []
        known = self._series.get
        for index, message in enumerate(messages):
            if message.qos:
                packet_ids.append(message.packet_id)
            topic = message.topic
            target = known(topic)
            if target is None:
                found = self._resolve(topic)
                if not isinstance(found, Target):
                    refused.append(Refusal(index, *found))
                    continue
                target = found
            reading = decode_reading(message.payload)
            if len(reading) == 2:
                refused.append(Refusal(index, reading[0], f"{topic}: {reading[1]}"))
                continue
            value, time, quality = reading
            if type(value) is not float:
                number = numeric(value, target[1])
                if number is None:
                    detail = f"{topic}: {not_a_state(value, target[1])}"
                    refused.append(Refusal(index, Reason.MALFORMED, detail))
                    continue
                value = number
            series.append(target[0])
            times.append(time)
            values.append(value)
            qualities.append(quality)
        batch = Batch(
            series,
            times,
            values,
            self._device.name,
            qualities=qualities if any(qualities) else None,
            refused=refused,
        )
        if refused:
            lost = {refusal.index for refusal in refused}
            batch.indexes = [index for index in range(len(messages)) if index not in lost]
        # Cut, so that what waits for its commit cannot be made large by long names.
        return Delivery(batch, packet_ids, [message.topic[:200] for message in messages])

    def _resolve(self, topic: str) -> Target | tuple[Reason, str]:
        """The series of a topic, remembered; or why there is none, not remembered."""
        thing, _, name = topic.removeprefix(PREFIX).partition("/")
        if not topic.startswith(PREFIX) or not thing or not name or "/" in name:
            return Reason.MALFORMED, f"topic {topic!r:.200} is not xinji/<thing>/<property>"
        number = self._inlet.resolve(self._device, thing, name)
        if isinstance(number, Reason):
            return number, refusal_of(number, self._device, thing, name)
        if len(self._series) >= _CACHED_SERIES:
            self._series.clear()
        self._series[topic] = target = Target(number, self._inlet.states(number))
        return target

    def _body(self, message: Publish) -> Delivery:
        """A message of many records; one that cannot be decoded is one refusal."""
        try:
            columns = _BODIES[message.topic](message.payload)
        except PayloadError as error:
            reason = Reason.TOO_MANY if error.too_large else Reason.MALFORMED
            detail = f"{message.topic}: {error.detail}"
            batch = Batch([], [], [], self._device.name, refused=[Refusal(0, reason, detail)])
        else:
            batch = resolve_columns(self._inlet, self._device, columns)
        return Delivery(batch, [message.packet_id] if message.qos else [], [message.topic])
