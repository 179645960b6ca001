"""The service that lets everybody guess keys as often as they like: `python -m tests.attack.eventually serve`.

Schemathesis tries a wrong key on every path, and would be told to wait; tests/web/test_auth.py tests that.
"""

import sys

from arrivals.cli.main import main
from arrivals.web import auth_throttle

auth_throttle.BURST = 10**9
sys.exit(main())
