"""What bitsback is compared with, by the demo and by `benchmarks/`."""
