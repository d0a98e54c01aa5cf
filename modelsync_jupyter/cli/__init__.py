"""The command `modelsync`, and what the magic `%modelsync` shares with it: parser, commands, answers, progress bar."""
