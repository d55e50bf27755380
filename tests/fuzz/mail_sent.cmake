backscatter_fuzz(fuzz_sent_ledger_file
  SOURCES fuzz_sent_ledger_file.cc
  DEPENDS backscatter::mail)
backscatter_fuzz(fuzz_sent_feed
  SOURCES fuzz_sent_feed.cc
  DEPENDS backscatter::mail)
