backscatter_fuzz(fuzz_pcapng SOURCES fuzz_pcapng.cc DEPENDS backscatter::source)
backscatter_fuzz(fuzz_capture_file SOURCES fuzz_capture_file.cc DEPENDS backscatter::source)
