"""The laptop stack: starts the emulator, deploys template.yaml into it, seeds it."""
