foreach(name account child control crew door drained handover parcel)
  unit_test(process ${name})
endforeach()
unit_test(process front PkgConfig::uv)
