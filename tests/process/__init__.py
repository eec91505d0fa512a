"""The whole command, as its users meet it: real processes, and real ranks where ranks matter.

What only an option changes is run in this process, through the same entry point.
"""

import pytest

# before it is first imported: what its assertions say on failure
pytest.register_assert_rewrite("tests.process.builder")
