foreach(name relay request backend fetch upstream health)
  unit_test(relay ${name})
endforeach()
