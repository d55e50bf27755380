backscatter_fuzz(fuzz_reassembler SOURCES fuzz_reassembler.cc DEPENDS backscatter::tcp)
