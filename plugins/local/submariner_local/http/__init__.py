"""The store over HTTP: the server and its clients. The only place that imports aiohttp."""
