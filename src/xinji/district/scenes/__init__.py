"""Street scenes that simulated cameras see, with their ground truth. Drawn here, from a seed."""
