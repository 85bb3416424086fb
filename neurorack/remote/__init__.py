"""Looking after the module from afar: the socket's server, its clients, and what is counted over days."""
