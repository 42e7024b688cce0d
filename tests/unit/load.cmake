unit_test(load target)
