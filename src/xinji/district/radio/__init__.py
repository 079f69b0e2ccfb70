"""What the simulated district gives the radio planner: buildings, a network, drive tests."""
