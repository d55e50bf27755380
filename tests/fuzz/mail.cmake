backscatter_fuzz(fuzz_canonical_target
  SOURCES fuzz_canonical_target.cc
  DEPENDS backscatter::mail)
backscatter_fuzz(fuzz_message_reader
  SOURCES fuzz_message_reader.cc
  DEPENDS backscatter::mail)
