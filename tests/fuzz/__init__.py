"""Damaged and forged archives and models, thousands of them."""
