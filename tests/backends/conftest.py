"""Show the values in a failed assertion of the conformance suite, as in any test."""

import pytest

pytest.register_assert_rewrite("backends.conformance")
