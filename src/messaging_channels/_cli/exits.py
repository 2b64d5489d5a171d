"""The exit codes, and what a command ends with when something was raised: words on stderr, never a trace for a caller's mistake."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping

from messaging_channels._model import errors
from messaging_channels._model.send_failed import InternalError, NotSent, Rejected

EXIT_UNKNOWN, EXIT_INPUT, EXIT_SETTINGS, EXIT_REJECTED, EXIT_NOT_SENT = 1, 2, 3, 4, 5
EXIT_FAULT, EXIT_INTERRUPTED = 70, 130
_OF_THE_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO)
"""Numbers of errors that name no file where the standard output is what cannot be written."""
EXIT_CODES: Mapping[int, str] = {
    0: "done",
    EXIT_UNKNOWN: "the outcome is not known: it may have been sent; do not send it again",
    EXIT_INPUT: "the command, an address, the message or a file is wrong, or nothing has that id",
    EXIT_SETTINGS: "a setting is wrong",
    EXIT_REJECTED: "a provider refused it for good",
    EXIT_NOT_SENT: "not sent, or the ledger or a provider could not be reached: try again later",
    EXIT_FAULT: "a fault of this program; what was sent before it is in `messages list`",
    EXIT_INTERRUPTED: "interrupted",
}
_OF_ERRORS: tuple[tuple[type[errors.MessagingError], int], ...] = (
    (errors.BadInput, EXIT_INPUT),
    (errors.ConfigurationError, EXIT_SETTINGS),
    (Rejected, EXIT_REJECTED),
    (NotSent, EXIT_NOT_SENT),
    (InternalError, EXIT_FAULT),
    (errors.LedgerUnavailable, EXIT_NOT_SENT),
    (errors.IdempotencyKeyInUse, EXIT_NOT_SENT),
)


def exit_code(error: errors.MessagingError) -> int:
    """Return what a command ends with when that was raised."""
    if isinstance(error, errors.TransportError) and not _may_have_been_sent(error):
        return EXIT_NOT_SENT
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), EXIT_UNKNOWN)


def describe_exit_codes() -> str:
    """Return the exit codes as a paragraph of a command's help."""
    return "exit codes:\n" + "\n".join(f"  {code:<4} {words}" for code, words in EXIT_CODES.items())


class OutputFailed(Exception):
    """The standard output cannot be written: the disk is full, or its reader has gone."""


def run_in_words(run: Callable[[], int], *, sends: bool = False) -> int:
    """Run a command, and return its exit code: also when a file is missing, the output is closed or full, or somebody presses Ctrl-C.

    Where the command sends, output that is lost says nothing of what was sent: that is not known then.
    """
    try:
        code = run()
        flush_output()
    except errors.MessagingError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return exit_code(error)
    except OutputFailed as failed:
        return _without_output(failed, failed.__cause__, sends=sends)
    except OSError as error:
        return _after_file_fault(error, sends=sends)
    except UnicodeDecodeError as error:
        print(f"bad_input: a file is not UTF-8 (byte {error.start}); convert it to UTF-8", file=sys.stderr)
        return EXIT_INPUT
    except KeyboardInterrupt:
        print("interrupted; what was sent is in `messages list`", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


def open_closed_streams() -> None:
    """Put something in the places of standard streams that a shell closed: what is opened next, such as the ledger, would be taken for the output.

    What is written to an output that was closed fails, as it does on a full disk.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]  None where a shell closed it
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]  likewise
        sys.stderr = os.fdopen(2, "w", closefd=False)


def flush_output() -> None:
    """Write what is still kept back.

    Raises:
        OutputFailed: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputFailed(error.strerror or type(error).__name__) from error


def _without_output(failed: OutputFailed, cause: BaseException | None, *, sends: bool) -> int:
    is_closed = isinstance(cause, BrokenPipeError)
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
    )  # nothing is left that a flush at the end could fail at
    if is_closed and not sends:
        return 0  # whoever read our output has gone: nothing is left to say
    kept = "; what was sent is in `messages list`" if sends else ""
    print(f"the output cannot be written: {str(failed).lower()}{kept}", file=sys.stderr)
    return EXIT_UNKNOWN if sends else EXIT_NOT_SENT


def _after_file_fault(error: OSError, *, sends: bool) -> int:
    if error.filename is None and error.errno in _OF_THE_OUTPUT:
        return _without_output(OutputFailed(error.strerror or type(error).__name__), error, sends=sends)
    return fail(_describe_file_fault(error))


def fail(problem: str, code: int = EXIT_INPUT) -> int:
    """Say what is wrong, and return the exit code."""
    print(problem, file=sys.stderr)
    return code


def _describe_file_fault(error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"bad_input: {error.filename}: {reason}" if error.filename else f"bad_input: {reason}"


def _may_have_been_sent(error: errors.TransportError) -> bool:
    """Whether that is so; also of an error that does not know how far it came."""
    return "phase" not in vars(error) or error.may_have_been_sent
