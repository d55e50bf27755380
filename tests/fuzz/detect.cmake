backscatter_fuzz(fuzz_verdicts
  SOURCES fuzz_verdicts.cc
  DEPENDS backscatter::detect)
backscatter_fuzz(fuzz_flood_state
  SOURCES fuzz_flood_state.cc
  DEPENDS backscatter::detect)
