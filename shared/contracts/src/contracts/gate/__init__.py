"""What the command `contracts` does with a whole workspace."""
