"""The command line: `python -m graphc <command>`, or `graphc <command>`."""
