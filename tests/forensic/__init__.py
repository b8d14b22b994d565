"""What raw images show, beside what was claimed."""
