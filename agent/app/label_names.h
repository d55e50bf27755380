// Which address is behind a hashed label: a short memory of what was shown, for `lookup`.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "agent/base/packet_time.h"

namespace backscatter {

// A file of at most kMost lines "HASH<TAB>last shown<TAB>address", for its owner only, as the key
// is that lies beside it. What was not shown for kKept is forgotten. A damaged line is left out.
// One thread.
class LabelNames {
 public:
  static constexpr std::size_t kMost = 2000;
  static constexpr PacketTime kKept = 7 * kDay;
  static constexpr PacketTime kRefresh = kHour;  // of the times alone
  static constexpr PacketTime kBetweenSaves = 10 * kSecond;

  // Takes up what is there.
  explicit LabelNames(std::string path);

  // `hash` is shown now, for `address`.
  void Note(std::string_view hash, std::string_view address, PacketTime now);
  // Writes the file where something is new, every ten seconds at the most, or `at_once`. An error
  // leaves the old one.
  absl::Status Save(PacketTime now, bool at_once);

  std::optional<std::string> Find(std::string_view hash) const;
  std::size_t size() const { return names_.size(); }

 private:
  struct Name {
    std::string address;
    PacketTime last = 0;
  };
  void Forget(PacketTime now);
  void ForgetOldest();

  std::string path_;
  std::map<std::string, Name, std::less<>> names_;
  bool changed_ = false;
  PacketTime saved_at_ = 0;
};

}  // namespace backscatter
