"""Answer requests with a bundle; starts with requirements/serve.txt alone."""
