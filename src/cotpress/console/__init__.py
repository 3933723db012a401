"""What the command line adds to the verbs: configuration files, and reading of what was typed."""
