"""Who and what is recorded: agents, environments and simulators."""
