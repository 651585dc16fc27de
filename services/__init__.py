"""What the application does: plain functions, one module per domain; they commit, they know no request."""
