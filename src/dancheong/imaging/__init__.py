"""Photographs as arrays: files, color, size, strips, scores and contact sheets.

Arrays in, arrays out. A photograph is (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded; the suffix `_hw` or
`_hwc` in a name tells the layout. Float color is float32 in [0, 1]; Lab is CIE L*a*b* under D65.
"""
