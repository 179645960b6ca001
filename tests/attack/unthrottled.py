"""The service that lets everybody guess keys as often as they like: `python -m tests.attack.unthrottled serve`.

Schemathesis tries a wrong key on every path, and would be told to wait; tests/web/test_auth.py tests that.
"""

from dataclasses import replace
import sys

from arrivals.cli.main import main
from arrivals.web import auth_throttle

auth_throttle.GUESSES = replace(auth_throttle.GUESSES, burst=10**9)
sys.exit(main())
