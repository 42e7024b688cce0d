foreach(name plain connect listen listener proxy_protocol)
  unit_test(net ${name} PkgConfig::uv)
endforeach()
