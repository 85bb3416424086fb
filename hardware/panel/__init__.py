"""The front panel: one table of parts, drawn as SVG for a maker of panels and as PDF to print 1:1.

python -m hardware.panel [FOLDER]
"""
