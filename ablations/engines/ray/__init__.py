"""Running studies on Ray: local workers or a cluster."""
