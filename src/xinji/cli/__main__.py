"""`python -m xinji.cli`."""

import sys

from xinji.cli import main

sys.exit(main())
