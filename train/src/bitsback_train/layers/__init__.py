"""The quantisation-aware layers of all networks: real numbers, rounded ones, and the integers of a
model file.
"""
