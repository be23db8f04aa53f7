"""The HTTP API: views parse a request, call recording or queries, and render the answer."""
