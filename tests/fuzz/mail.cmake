backscatter_fuzz(fuzz_canonical_target
  SOURCES fuzz_canonical_target.cc
  DEPENDS backscatter::mail)
