#include "agent/app/label_names.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "agent/app/output_file.h"
#include "agent/base/escape.h"
#include "agent/mail/canonical_target.h"
#include "exporters/metric_labels.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxLine = kTargetHashDigits + kMaxTargetLength + 32;

// A line end or a tab would make two lines, or two fields, of one; no canonical address has any.
bool FitsOnALine(std::string_view address) {
  return !address.empty() && address.size() <= kMaxTargetLength &&
         std::ranges::none_of(address, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

LabelNames::LabelNames(std::string path) : path_(std::move(path)) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path_, error);
  if (error || bytes > kMost * kMaxLine) return;  // nothing there, or none of ours
  std::ifstream in(path_);
  for (std::string line; names_.size() < kMost && std::getline(in, line);) {
    const std::size_t first = line.find('\t');
    const std::size_t second = line.find('\t', first + 1);
    if (first != kTargetHashDigits || second == std::string::npos) continue;
    const std::string address = line.substr(second + 1);
    if (!FitsOnALine(address)) continue;
    char* end = nullptr;
    const long long seconds = std::strtoll(line.c_str() + first + 1, &end, 10);
    if (end != line.c_str() + second || seconds < 0 || seconds > (1LL << 33)) continue;
    names_[line.substr(0, first)] = {address, seconds * kSecond};
  }
}

void LabelNames::Note(std::string_view hash, std::string_view address, PacketTime now) {
  if (hash.size() != kTargetHashDigits || !FitsOnALine(address)) return;
  const auto found = names_.find(hash);
  if (found != names_.end() && found->second.address == address) {
    found->second.last = now;
    return;
  }
  if (found == names_.end() && names_.size() >= kMost) ForgetOldest();
  names_[std::string(hash)] = {std::string(address), now};
  changed_ = true;
}

void LabelNames::Forget(PacketTime now) {
  std::erase_if(names_,
                [&](const auto& entry) { return TimeBetween(entry.second.last, now) > kKept; });
}

void LabelNames::ForgetOldest() {
  names_.erase(
      std::ranges::min_element(names_, {}, [](const auto& entry) { return entry.second.last; }));
}

absl::Status LabelNames::Save(PacketTime now, bool at_once) {
  const PacketTime since = TimeBetween(saved_at_, now);
  const bool is_due = since < 0 || since >= (changed_ ? kBetweenSaves : kRefresh);
  if (names_.empty() || !(is_due || (at_once && changed_))) return absl::OkStatus();
  saved_at_ = now;
  Forget(now);
  const std::string aside = path_ + ".new";
  (void)unlink(aside.c_str());  // of a save that was killed, or somebody's link
  absl::StatusOr<std::unique_ptr<OutputFile>> out = OutputFile::Open(aside, OutputFile::Mode::kNew);
  if (!out.ok()) return out.status();
  for (const auto& [hash, name] : names_) {
    (*out)->buffer() +=
        hash + '\t' + std::to_string(name.last / kSecond) + '\t' + name.address + '\n';
    (*out)->FlushIfFull();
  }
  if (const absl::Status closed = (*out)->Close(); !closed.ok()) return closed;
  if (std::rename(aside.c_str(), path_.c_str()) == 0) {
    changed_ = false;
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(EscapeForTerminal(path_) +
                                     ": cannot be written: " + std::strerror(errno));
}

std::optional<std::string> LabelNames::Find(std::string_view hash) const {
  const auto found = names_.find(hash);
  if (found == names_.end()) return std::nullopt;
  return found->second.address;
}

}  // namespace backscatter
