foreach(name handshake origin extension deflate compression frame options receiver sequences session utf8)
  unit_test(websocket ${name})
endforeach()
