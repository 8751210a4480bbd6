"""The lab's commands, a file each; `bitsback.cli.added` finds them."""
