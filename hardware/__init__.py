"""What a builder needs: the schematic (`circuit`) and the panel (`panel`) as source. Nothing at run time imports it."""
