"""What a version needs installed: exact versions, locked with hashes."""
