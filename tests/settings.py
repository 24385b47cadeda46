"""The product's own settings, for a test run: in a folder of its own, so that no test touches what a developer keeps in var/.

pytest-django loads this before any conftest, in each worker anew. Nothing is overridden here: processes that tests start inherit
the folder and load the product's settings themselves.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="meshportal-tests-")
os.environ["DJANGO_SETTINGS_MODULE"] = "meshportal.settings"
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

from meshportal.settings import *  # noqa: E402,F403
