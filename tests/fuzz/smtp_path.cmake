backscatter_fuzz(fuzz_path
  SOURCES fuzz_path.cc
  DEPENDS backscatter::smtp)
