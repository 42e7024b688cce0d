foreach(name head body target date headers response request connection receive)
  unit_test(http ${name})
endforeach()
