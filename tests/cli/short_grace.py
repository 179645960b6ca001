"""The command line with a grace of `TEST_GRACE_S` seconds, run as a module: five minutes are no test."""

import os
from unittest.mock import patch

from arrivals import assembly
from arrivals.cli import serve
from arrivals.cli.main import main

assembly.GRACE_S = float(os.environ["TEST_GRACE_S"])
patch.object(serve, "GRACE_S", assembly.GRACE_S).start()
assembly.CLOSING_S = assembly.GRACE_S / 2

if __name__ == "__main__":
    main()
