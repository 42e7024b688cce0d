foreach(name head body target date headers response request connection)
  unit_test(http ${name})
endforeach()
