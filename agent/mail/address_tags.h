// Bounce tags and forwarder rewrites of a local part, undone by their shape alone: no key is
// checked here. Shapes: DETECTION section 1.1.
#pragma once

#include <optional>
#include <string_view>

namespace backscatter {

// What a tag hides. Views into the local part that was given.
struct Untagged {
  std::string_view local;   // never empty
  std::string_view domain;  // the original domain of SRS, not validated; empty for other tags
};

// Undoes the outermost tag of `local` (decoded: without quotes); nullopt where there is none, or
// where it is not well formed. Case-insensitive. O(n), no allocation.
//   prvs=DDDSSSSSS=local    BATV without key digit (Cisco, as amazon.com and wdc.com send it)
//   prvs=KDDDSSSSSS=local   BATV draft
//   prvs=local=TAG          Cisco; TAG is 6 to 12 letters and digits; prvs=local/TAG likewise
//   btv1==HEX==local        Barracuda
//   msprvs1=TAG=local       SparkPost
//   SRS0=HASH=TT=dom=local              the separator behind SRS0 and SRS1 is one of = + -
//   SRS1=HASH=host==HASH=TT=dom=local   what follows `host=` is the tail of an SRS0
std::optional<Untagged> UndoTag(std::string_view local);

}  // namespace backscatter
