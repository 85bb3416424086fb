"""Makes what is installed: a version's folder, the Debian package around it, a signed update.

How they are used: systemd/updating.md.
"""
