foreach(name handshake origin extension deflate compression frame options receiver sequences session)
  unit_test(websocket ${name})
endforeach()
