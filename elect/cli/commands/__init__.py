"""The commands of `elect`, one file each."""
