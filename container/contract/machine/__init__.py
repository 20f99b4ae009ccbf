"""What this host has: processors, GPUs, memory, network interfaces."""
