"""HTTP: thin routes over the services, and the stream the consoles live on."""
