#include "agent/app/progress.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_format.h"

namespace backscatter {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSilent{2000};
constexpr milliseconds kInterval{250};
constexpr double kSecondsADay = 86400;

}  // namespace

std::string FormatBytes(double bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  // From 999.5 on, three digits would show 1000.
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  const bool fraction = unit > 0 && bytes < 9.95;
  return absl::StrFormat("%.*f %s", fraction ? 1 : 0, bytes, kUnits[unit]);
}

std::string FormatTimeLeft(double seconds) {
  if (!(seconds < 100 * kSecondsADay)) return "long";
  const auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0) + 0.5);
  if (whole < 60) return absl::StrFormat("%d s", whole);
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %02d min", whole / 3600, whole / 60 % 60);
}

std::string FormatProgress(std::uint64_t done, std::uint64_t size, double seconds) {
  const auto read = static_cast<double>(done);
  const double rate = seconds > 0 ? read / seconds : 0;
  std::string line = FormatBytes(read);
  if (size > 0) {
    const double share = std::min(1.0, read / static_cast<double>(size));
    line += " of " + FormatBytes(static_cast<double>(size));
    line += absl::StrFormat("   %d %%", static_cast<int>(share * 100));
  }
  line += "   " + FormatBytes(rate) + "/s";
  if (size > done && rate > 0) {
    line += "   " + FormatTimeLeft(static_cast<double>(size - done) / rate) + " left";
  }
  return line;
}

Progress::Progress(std::FILE* out, bool enabled)
    : out_(out), enabled_(enabled), start_(Clock::now()), next_(start_ + kSilent) {}

bool Progress::Due() const { return enabled_ && Clock::now() >= next_; }

void Progress::Show(std::uint64_t done, std::uint64_t size) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(out_, "\r\x1b[K%s", FormatProgress(done, size, seconds).c_str());
  std::fflush(out_);
  shown_ = true;
  next_ = now + kInterval;
}

void Progress::Clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
  shown_ = false;
}

}  // namespace backscatter
