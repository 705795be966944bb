# Bundled networks and data.
