foreach(name handshake origin extension deflate compression frame options packing receiver sequences session)
  unit_test(websocket ${name})
endforeach()
