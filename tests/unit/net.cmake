foreach(name plain connect listen listener lookout proxy_protocol)
  unit_test(net ${name} PkgConfig::uv)
endforeach()
