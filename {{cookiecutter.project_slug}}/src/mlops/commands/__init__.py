"""What each `mlops` command does: parse, call, print."""
