"""`python -m elect.testing.soak`: many simulations on all cores."""
