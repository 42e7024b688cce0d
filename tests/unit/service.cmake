foreach(name encoding listing selection services static websocket)
  unit_test(service ${name} PkgConfig::uv)
endforeach()
