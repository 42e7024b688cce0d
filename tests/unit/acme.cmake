unit_test(acme documents)
unit_test(acme moment)

# What tests/integration/test_acme_client.py drives: the client alone, without the program around it.
add_executable(acme_client acme/client.c)
target_link_libraries(acme_client PRIVATE crossgate_flags room_acme)
