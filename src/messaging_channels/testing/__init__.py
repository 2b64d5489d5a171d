"""For tests: of applications, and of provider plugins."""
