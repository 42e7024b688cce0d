foreach(name handshake origin extension deflate compression frame receiver sequences session)
  unit_test(websocket ${name})
endforeach()
