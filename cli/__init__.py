"""Commands under `flask`, for whoever runs the server."""
