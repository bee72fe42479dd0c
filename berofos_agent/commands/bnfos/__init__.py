"""The command `bnfos`, a drop-in for the vendor's."""
