"""Makes what is installed: a version's folder, the Debian package around it, a signed update. See systemd/updating.md."""
