// Header fields as they are found in the wild: pure parsers, views into the text they are given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/mail/field_names.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

inline constexpr std::size_t kMaxFieldBytes = 8192;  // of one unfolded field

struct HeaderField {
  FieldName name = FieldName::kOther;
  std::string_view written;  // the name as it was written
  std::string_view value;    // without blanks around it

  bool Is(FieldName other) const { return name == other; }
};

// Nullopt for a line that is no field.
std::optional<HeaderField> SplitField(std::string_view line);

[[gnu::always_inline]] inline std::string_view ValueOf(std::string_view text, FieldStart start) {
  std::size_t at = start.value_at();
  if (at < text.size() && text[at] == ' ') ++at;  // and mostly no blank more
  return TrimBlanks({text.data() + at, text.size() - at});
}

// Puts folded fields together. What goes beyond kMaxFieldBytes is dropped.
class FieldAssembler {
 public:
  FieldAssembler() = default;
  FieldAssembler(const FieldAssembler&) = delete;
  FieldAssembler& operator=(const FieldAssembler&) = delete;

  void Reset() { text_ = {}; }
  bool pending() const { return !text_.empty(); }

  // Lines within `octets` need not be copied until Settle.
  void Borrow(std::string_view octets) { lent_ = octets; }
  void Settle() {
    if (IsLent(text_)) Keep();
    lent_ = {};
  }

  // Takes a line. The field before it goes to `sink` if this line begins another one. False: the
  // line is neither a field nor a folded continuation, and was not taken.
  template <typename Sink>
  bool Add(std::string_view line, Sink&& sink) {
    const FieldStart start = FindField(line);
    if (start) {
      Begin(line, start, sink);
      return true;
    }
    if (!IsFolded(line)) return false;
    Continue(line);
    return true;
  }
  // The same in its parts. `start`: of the field that begins with this line.
  template <typename Sink>
  void Begin(std::string_view line, FieldStart start, Sink&& sink) {
    Flush(sink);
    start_ = start;
    text_ = line;
    if (line.size() > kMaxFieldBytes || !IsLent(line)) Keep();
  }
  bool IsFolded(std::string_view line) const {
    return !line.empty() && IsBlank(line.front()) && pending();
  }
  // Also for continuations that lost their indentation.
  void Continue(std::string_view line);

  template <typename Sink>
  void Flush(Sink&& sink) {
    if (!pending()) return;
    const std::string_view written(text_.data(), start_.name_size());
    sink(HeaderField{start_.name(), written, ValueOf(text_, start_)});
    text_ = {};
  }

 private:
  bool IsLent(std::string_view text) const {
    return text.data() >= lent_.data() && text.data() < lent_.data() + lent_.size();
  }
  void Keep();

  std::string_view text_;  // of the field under way, with its name: in lent_ or kept_
  FieldStart start_;       // of text_
  std::string_view lent_;
  std::string kept_;
};

// The next address in free text at or behind `*position`, which is moved behind it; empty: none.
// Cost: linear in what is passed over.
std::string_view NextAddress(std::string_view text, std::size_t* position);

// The first address of a From or To value; the words without `<>` and comments where it has no
// domain; empty for `<>`.
std::string_view MailboxAddress(std::string_view value);

// The next `<id>` at or behind `*position`, without brackets; empty: none.
std::string_view NextMessageId(std::string_view value, std::size_t* position);
// The first id of the value, also where brackets are missing.
std::string_view OneMessageId(std::string_view value);

// Parameter of a Content-Type or similar value (RFC 2045; also `name*=` and `name*0=`).
struct Parameter {
  std::string_view name;           // less than 32 octets
  std::string_view behind;         // all that follows its `=`
  std::string_view Value() const;  // unquoted
};
// The next one at or behind `*position`; false: none. Each `=` is taken for one: that in a boundary
// has a name that nobody asks for.
bool NextParameter(std::string_view value, std::size_t* position, Parameter* parameter);
// `text/plain` of `text/plain; charset=x`.
std::string_view MediaType(std::string_view value);

void ParseReceived(std::string_view value, ReceivedHop* hop);
// The address of its `for` clause; empty: none.
std::string_view ReceivedFor(std::string_view value);

// The first `c.s.d` (RFC 3463) that stands alone in the text. False: there is none, and `status`
// stays as it was.
bool FindStatus(std::string_view text, EnhancedStatus* status);

// Where `needle` (lower case) occurs, case ignored; npos: nowhere. For short needles.
std::size_t FindIgnoreCase(std::string_view text, std::string_view needle, std::size_t from = 0);
inline bool ContainsIgnoreCase(std::string_view text, std::string_view needle) {
  return FindIgnoreCase(text, needle) != std::string_view::npos;
}

}  // namespace backscatter
