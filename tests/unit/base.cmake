foreach(name span arena buffer deadline ending log loop)
  unit_test(base ${name})
endforeach()
