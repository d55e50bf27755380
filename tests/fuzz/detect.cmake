backscatter_fuzz(fuzz_verdicts
  SOURCES fuzz_verdicts.cc
  DEPENDS backscatter::detect)
