foreach(name span text arena buffer challenge date deadline ending log loop outlet slab utf8)
  unit_test(base ${name})
endforeach()
