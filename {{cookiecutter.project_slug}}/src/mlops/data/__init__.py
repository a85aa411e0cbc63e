"""Tables: read, checked, inferred, added batch by batch."""
