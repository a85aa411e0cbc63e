"""Run the `argocd` binary: how it reaches Argo CD, when to ask again, and what its complaints mean."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping

from mlops.contract.errors import MlopsError
from mlops.delivery.argocd_reach import NAMESPACE, is_core, kubeconfig, options

INSTALL = "https://argo-cd.readthedocs.io/en/stable/cli_installation/"
TRIES = 4
TRANSIENT = re.compile(
    r"connection refused|connection reset|code = Unavailable|DeadlineExceeded|deadline exceeded|i/o timeout"
    r"|\b50[234]\b.{0,20}(bad gateway|unavailable|time-?out)",
    re.IGNORECASE,
)
LASTING = re.compile(r"x509|handshake failed|no such host", re.IGNORECASE)
MISSING = re.compile(r"code = NotFound.*application|applications?\.argoproj\.io .* not found", re.IGNORECASE)
LOGGED_OUT = re.compile(r"Unauthenticated|no session information|invalid session|token is expired", re.IGNORECASE)
UNCONFIGURED = re.compile(r"server address unspecified|configuration has been provided", re.IGNORECASE)
BEARER = re.compile(r"(Bearer\s+)\S+|\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.IGNORECASE)
SHORTEST = 6  # letters of what can be a secret; less would blank out whole answers


class NoSuchApplication(MlopsError):
    """Argo CD has no application of that name."""


class Forbidden(MlopsError):
    """This login may not do that; Argo CD says so, too, where there is no such application."""


class LoggedOut(MlopsError):
    """Argo CD does not accept the login, or there is none."""


class Unreachable(MlopsError):
    """Argo CD did not answer; it may a moment later."""


class Binary:
    """The `argocd` binary, with what it finds in the environment."""

    def __init__(self, environ: Mapping[str, str] | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        self.environ = dict(os.environ if environ is None else environ)
        self.pause = pause

    def run(self, *args: str, timeout: float, again: bool = True) -> str:
        """Run one command and return what it printed.

        Args:
            args: The command's words.
            timeout: Seconds for one try.
            again: Whether a transient failure may be tried again, as for all that only reads.

        Raises:
            NoSuchApplication: It says so.
            Forbidden: This login may not.
            LoggedOut: The login is not accepted.
            Unreachable: Argo CD did not answer, though it was asked several times.
            MlopsError: Any other failure, with what to do.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        tries = Retrying(
            retry=retry_if_exception_type(Unreachable),
            stop=stop_after_attempt(TRIES if again else 1),
            wait=wait_random_exponential(multiplier=0.5, max=5),
            sleep=self.pause,
            reraise=True,
        )
        return tries(self._once, args, timeout)

    def _once(self, args: tuple[str, ...], timeout: float) -> str:
        program = shutil.which("argocd", path=self.environ.get("PATH", os.defpath))
        if program is None:
            raise MlopsError(f"No `argocd` on the PATH. Install Argo CD's command line: {INSTALL}.")
        core = is_core(self.environ)
        command = [program, *args, *(["--core"] if core else [])]
        with kubeconfig(self.environ, core) as environ:
            try:
                done = subprocess.run(
                    command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
                )
            except subprocess.TimeoutExpired:
                # Not `from`: a traceback would show what the binary had printed until then.
                raise Unreachable(
                    f"`argocd {' '.join(args[:2])}` did not end in {timeout:.0f} s. Is {self._server()} reachable?"
                ) from None
        out = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            raise self._failure(args, _said(done.stderr.decode("utf-8", "replace")) or _said(out))
        return self.scrub(out)

    def _failure(self, args: tuple[str, ...], said: str) -> MlopsError:
        words = f"{self.scrub(said).rstrip('.') or 'it failed without a word'}."
        command = f"`argocd {' '.join(args[:3])}`"
        if MISSING.search(said):
            return NoSuchApplication(f"Argo CD has no application {args[2]!r}: {words}")
        if LOGGED_OUT.search(said):
            return LoggedOut(
                f"{command}: not logged in to {self._server()}: {words} Put a valid token into ARGOCD_AUTH_TOKEN, "
                "or run `argocd login`."
            )
        if "PermissionDenied" in said or "forbidden" in said.lower():
            return Forbidden(
                f"{command}: permission denied: {words} Either there is no such application, or this login may not "
                "do that: ask who runs Argo CD for the right in the project of this repository."
            )
        if "cannot find ready pod" in said:
            return MlopsError(
                f"{command}: Argo CD does not run in namespace {NAMESPACE!r} of {self._server()}: {words} Set "
                "ARGOCD_SERVER where it runs elsewhere, or look with `kubectl --namespace argocd get pods`."
            )
        if UNCONFIGURED.search(said):
            return MlopsError(
                f"{command}: nothing says where Argo CD is. Set ARGOCD_SERVER and ARGOCD_AUTH_TOKEN, or point "
                "KUBECONFIG at the cluster it runs in."
            )
        if TRANSIENT.search(said) and not LASTING.search(said):
            return Unreachable(f"{command}: {self._server()} does not answer: {words} Is it up, and is that its name?")
        if LASTING.search(said):
            return MlopsError(f"{command}: {self._server()} cannot be reached: {words} Mend its name or certificate.")
        return MlopsError(f"{command} failed: {words}")

    def _server(self) -> str:
        if is_core(self.environ) or "--core" in options(self.environ):
            return "the cluster of the kubeconfig"
        return f"the Argo CD server {self.environ.get('ARGOCD_SERVER') or 'of ARGOCD_OPTS or `argocd login`'!r}"

    def scrub(self, text: str) -> str:
        """Blank out every secret that the environment hands to the binary."""
        words = options(self.environ)
        given = [self.environ.get("ARGOCD_AUTH_TOKEN", "")]
        for at, word in enumerate(words):
            if word in ("--auth-token", "--header", "-H"):
                given += words[at + 1 : at + 2]
            elif word.startswith(("--auth-token=", "--header=")):
                given.append(word.partition("=")[2])
        for secret in sorted(given, key=len, reverse=True):
            if len(secret) >= SHORTEST:
                text = text.replace(secret, "***")
        return BEARER.sub(lambda found: f"{found[1] or ''}***", text)


def _said(text: str) -> str:
    """Join what was said: the binary logs a JSON object a line."""
    words = []
    for line in filter(str.strip, text.splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = line
        words.append(str(entry.get("msg", line)) if isinstance(entry, dict) else line.strip())
    return " ".join(words[-4:])
