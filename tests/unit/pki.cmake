unit_test(pki make)
