foreach(name serializer handshake hello)
  unit_test(wamp ${name})
endforeach()
unit_test(wamp rawsocket room_websocket)
