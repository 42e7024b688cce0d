# Warnings, hardening and sanitizers, for all that is ours. Assertions stay on in release builds.
add_library(crossgate_flags INTERFACE)
target_compile_definitions(crossgate_flags INTERFACE _GNU_SOURCE)
target_compile_options(crossgate_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wno-format-nonliteral -Werror
  -fno-strict-aliasing -fno-common -fvisibility=hidden)
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

if(CROSSGATE_SANITIZE)
  target_compile_definitions(crossgate_flags INTERFACE CROSSGATE_SANITIZED)
  target_compile_options(crossgate_flags INTERFACE
    -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(crossgate_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_options(crossgate_flags INTERFACE -g -fstack-protector-strong -fstack-clash-protection
    -D_FORTIFY_SOURCE=2)
  target_link_options(crossgate_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
  # A message passes through six rooms: the program is optimised across them. Objects hold both forms, so that tests are linked
  # as quickly as ever.
  if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    target_compile_options(crossgate_flags INTERFACE -flto=auto -ffat-lto-objects)
    target_link_options(crossgate_flags INTERFACE $<IF:$<STREQUAL:$<TARGET_PROPERTY:NAME>,crossgate>,-flto=auto,-fno-lto>)
  endif()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported()
endif()
