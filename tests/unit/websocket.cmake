foreach(name handshake frame receiver sequences session)
  unit_test(websocket ${name})
endforeach()
