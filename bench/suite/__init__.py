"""What bench/run is made of: machine, candidates, rows, load, goals, report."""
