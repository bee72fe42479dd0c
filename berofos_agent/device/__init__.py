"""One bero*fos, and several at once, over HTTP and GBL4."""
