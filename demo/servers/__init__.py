"""Real servers from wheels, started for the demonstration and the tests."""
