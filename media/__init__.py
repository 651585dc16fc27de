"""Files in, files out: staging, tools, metadata and pictures; no HTTP, no database."""
