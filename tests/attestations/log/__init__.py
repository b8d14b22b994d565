"""Transparency logs."""
