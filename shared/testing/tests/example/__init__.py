"""The smallest service, to try the plugin on."""
