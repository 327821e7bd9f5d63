"""The values of :mod:`submariner_core.api.network`, under the name this room uses."""

from submariner_core.api.network import *  # noqa: F403
from submariner_core.api.network import PROTOCOL as PROTOCOL
