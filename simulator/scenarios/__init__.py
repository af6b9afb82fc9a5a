"""Stories by name: each module tells one, in a function `play(story)`; its docstring says what it is about."""
