backscatter_fuzz(fuzz_dialogue
  SOURCES fuzz_dialogue.cc
  DEPENDS backscatter::smtp)
backscatter_fuzz(fuzz_lines
  SOURCES fuzz_lines.cc
  DEPENDS backscatter::smtp)
