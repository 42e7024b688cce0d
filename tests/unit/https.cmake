unit_test(https https room_pki)
target_compile_definitions(unit_https_https PRIVATE SERVER="${CMAKE_CURRENT_SOURCE_DIR}/https/server.py")
