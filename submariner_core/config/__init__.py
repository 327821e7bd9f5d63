"""Settings from a YAML file and upstream's environment variables, with places in every error."""

from submariner_core.config.document import Document
from submariner_core.config.environment import Task, requested_task
from submariner_core.config.settings import Settings
from submariner_core.config.sources import judge, load, load_document

__all__ = [
    "Document",
    "Settings",
    "Task",
    "judge",
    "load",
    "load_document",
    "requested_task",
]
