unit_test(pki delivery)
unit_test(pki jws)
unit_test(pki make)
unit_test(pki ocsp)
