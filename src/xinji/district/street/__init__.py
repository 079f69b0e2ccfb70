"""The simulated street: incidents with their truth, cameras that show them, people who work.

Everything here is an ordinary client: cameras serve RTSP, people use the phone's API with their own
accounts. What really happened is written aside (`truth`), so that the house can be measured.
"""
