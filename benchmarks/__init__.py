"""Speed and memory, measured against what is asked of them: `make bench`."""
