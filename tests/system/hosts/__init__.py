"""The service on several hosts: network namespaces, a data folder each, nothing shared but the program."""
