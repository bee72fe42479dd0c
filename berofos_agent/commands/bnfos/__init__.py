"""The command `bnfos`, which replaces the vendor's."""
