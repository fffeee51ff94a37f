"""How translation data lie on disk: a module for each layout, and what joins programs of any of them into pairs."""
