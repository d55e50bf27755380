backscatter_fuzz(net_decoder_fuzz SOURCES net_decoder_fuzz.cc DEPENDS backscatter::net)
backscatter_fuzz(net_fragments_fuzz SOURCES net_fragments_fuzz.cc DEPENDS backscatter::net)
