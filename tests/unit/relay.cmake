foreach(name relay request backend call_rawsocket fetch routed upstream health)
  unit_test(relay ${name})
endforeach()
