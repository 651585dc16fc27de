"""The ledger of jobs, which decides what runs, and the carrier, which wakes who runs it."""
