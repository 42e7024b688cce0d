foreach(name relay request backend upstream)
  unit_test(relay ${name})
endforeach()
