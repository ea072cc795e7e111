"""Two runs compared: environments, drift, the gate, and waivers of known changes."""
