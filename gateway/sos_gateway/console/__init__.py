"""The police desk's page: server-rendered, live, by keyboard, by ear and at a glance."""
