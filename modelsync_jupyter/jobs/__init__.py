"""Who runs a transfer, where, and who may stop it."""
