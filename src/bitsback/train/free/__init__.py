"""Training free models: items, the contexts of their pixels, and the fit of a network to them."""
