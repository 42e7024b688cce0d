"""What bench/budget is made of."""
