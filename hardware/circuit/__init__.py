"""The schematic as source: a module per block; rules, netlist, bill of materials and SPICE from one circuit.

python -m hardware.circuit [FOLDER]     checks the rules and writes netlist, wiring list and bill of materials
"""
