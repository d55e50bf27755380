backscatter_fuzz(fuzz_tags
  SOURCES fuzz_tags.cc
  DEPENDS backscatter::mail)
