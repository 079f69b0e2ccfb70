"""Xinji (新基): a city district's new infrastructure as one system."""

__version__ = "0.1.0"
