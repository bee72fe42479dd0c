"""The page that shows devices, and the drawing on it: shared by the simulator and the panel."""
