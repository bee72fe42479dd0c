"""The page that shows devices, and the drawing on it."""
