"""What can go wrong in a way that a person can mend."""

from __future__ import annotations


class MlopsError(Exception):
    """The question could not be answered: bad input, network, missing object. The process exits with 2."""

    exit_code = 2


class Refused(MlopsError):
    """The question was answered, and the answer is no. The process exits with 1."""

    exit_code = 1
