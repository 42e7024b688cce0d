# room(NAME SOURCES… [LIBRARIES…] [ROOMS…]): a directory of src/ as one library. Its private headers are on nobody else's
# include path; what it may include of others is checked by scripts/lint.
function(room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LIBRARIES;ROOMS" ${ARGN})
  add_library(room_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(room_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(room_${name} PRIVATE crossgate_flags ${ROOM_LIBRARIES})
  foreach(other ${ROOM_ROOMS})
    target_link_libraries(room_${name} PUBLIC room_${other})
  endforeach()
endfunction()
