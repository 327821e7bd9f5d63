"""The cable drivers: what each says of itself on this node."""

from __future__ import annotations

from collections.abc import Sequence

from submariner_core.api.errors import SubmarinerError
from submariner_core.cli.checks.finding import Finding, Subject, error, ok


async def cables(subject: Subject) -> Sequence[Finding]:
    """How cables are made here, by driver; one that could not make any is an error."""
    assert subject.loaded is not None
    found = []
    for name, driver in subject.loaded.cable_drivers():
        check = f"cable driver {name}"
        try:
            said = await driver.describe()
        except (SubmarinerError, OSError) as reason:
            found.append(error(check, str(reason), "see the reason"))
        else:
            if said:
                found.append(ok(check, said))
        finally:
            await driver.close()
    return found
