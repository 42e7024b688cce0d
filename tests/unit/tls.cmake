unit_test(tls credential)
unit_test(tls digest)
unit_test(tls queue)
unit_test(tls stream)
