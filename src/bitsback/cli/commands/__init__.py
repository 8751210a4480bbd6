"""The commands, a file each, which `bitsback.cli.main` imports when they are called."""
