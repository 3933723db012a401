"""`python -m cotpress`, and the command: quiet from the first moment to the last."""

import signal
import sys


def main() -> None:
    """Run one verb. Ctrl-C while the command line is loaded, and while Python ends, is as quiet as
    in between.
    """
    try:
        from cotpress import cli

        cli.main()
    except KeyboardInterrupt:
        print("cotpress: stopped.", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
