foreach(name encoding listing rawsocket selection services static websocket)
  unit_test(service ${name} PkgConfig::uv)
endforeach()
