"""How long properties search: import this module where `@given` is used.

`NATSCREDS_PROFILE` is `smoke` (each property still runs), `quick` (the default) or `deep` (a night's work).
Each run draws new examples, as none of the profiles is derandomized.
"""

import os

from hypothesis import HealthCheck, settings

__all__ = ["PROFILE"]

PROFILE = os.environ.get("NATSCREDS_PROFILE", "quick")

for _name, _examples in (("smoke", 5), ("quick", 30), ("deep", 2_000)):
    settings.register_profile(
        _name, max_examples=_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(PROFILE)
