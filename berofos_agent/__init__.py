"""The cluster owns the position of a bero*fos relay: resource agent, device layer, simulator and commands."""

__version__ = "1.0.0"
