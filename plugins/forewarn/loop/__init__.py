"""The loop: what alerts were worth, who left without one, and what to change. Reads marts, and writes what it found."""
