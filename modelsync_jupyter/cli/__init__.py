"""The command `modelsync`: the shell's face of `commands`."""
