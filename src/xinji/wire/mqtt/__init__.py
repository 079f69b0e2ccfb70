"""MQTT 3.1.1 in: PUBACK means stored.

`packets.py` the data, `codec.py` bytes to packets, `encode.py` packets to bytes, `topics.py` what a
message means, `connection.py` one device, `listener.py` all of them, `client.py` the other side.
"""
