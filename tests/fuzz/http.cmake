backscatter_fuzz(fuzz_http
  SOURCES fuzz_http.cc
  DEPENDS backscatter::exporters)
