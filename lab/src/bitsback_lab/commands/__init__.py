"""The lab's commands, a file each; `bitsback.cli.lab` finds them."""
