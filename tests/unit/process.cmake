foreach(name account child crew door handover parcel)
  unit_test(process ${name})
endforeach()
unit_test(process front PkgConfig::uv)
