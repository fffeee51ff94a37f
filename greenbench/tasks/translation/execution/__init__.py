"""Running what a model wrote: the tests, the languages and their tools, and what came of it."""
