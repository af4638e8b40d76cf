"""The workbench: pages on which account managers answer cases, in a process and on an address of its own."""
