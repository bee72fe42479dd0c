"""What only booted machines can show: units, the journal, the package as apt installs it. Needs LAB_RELEASE."""
