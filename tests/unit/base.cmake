foreach(name span arena buffer deadline ending log loop utf8)
  unit_test(base ${name})
endforeach()
