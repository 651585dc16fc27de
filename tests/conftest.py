"""What every test process loads; the process that leads xdist's workers runs no test and loads little."""

import pytest

pytest.register_assert_rewrite("tests.contracts")


def pytest_configure(config: pytest.Config) -> None:
    """The fixtures import the whole application, so only a process that runs tests takes the time."""
    if config.getoption("dist") == "no":
        config.pluginmanager.import_plugin("tests.fixtures")
