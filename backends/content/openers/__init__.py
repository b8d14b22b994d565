"""Our openers, one module for each family; ``pyproject.toml`` names them as entry points."""
