"""Personal data at their end: erasure of a person, and retention of what has grown old."""
