"""A Debian release from a bare root and a clone. Needs LAB_RELEASE and LAB_DIST; see `make test-release`."""
